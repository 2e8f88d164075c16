/**
 * The session's cookie: what it is called, what it says to the browser, and when it counts. No script can read it, no other
 * site's request carries it (SameSite=Strict), and a request that changes something must show that a page of this origin sent
 * it: by a header that no other origin may set without asking, and by Origin (SECURITY, "The page").
 */
import { isFromTrustedProxy, type AddressSettings } from "../address.ts";
import { ProblemError } from "../problem.ts";

/** Sent with every call of the page; another origin's page would have to ask first, and is never allowed to (`edge.ts`). */
export const PAGE_HEADER = "x-indelible-page";

const VALUE = /^[A-Za-z0-9_-]{43}$/;
const SAFE = ["GET", "HEAD"];

/** The session's secret, if the request carries one that counts. Throws `forbidden` where it might have been sent by another page. */
export function sessionOf(request: Request, addressing: AddressSettings): string | null {
  const value = cookieOf(request, cookieName(request, addressing));
  if (value === null) return null;
  if (SAFE.includes(request.method)) return isOfThisOrigin(request, true) ? value : null;
  assertFromPage(request);
  return value;
}

/** Throws `forbidden` unless a page of this origin sent it. */
export function assertFromPage(request: Request): void {
  if (request.headers.get(PAGE_HEADER) === "1" && isOfThisOrigin(request, false)) return;
  throw new ProblemError(
    "forbidden",
    `a session counts only for calls of this page: with ${PAGE_HEADER}: 1 and its own Origin`,
  );
}

/**
 * Browsers say where a request comes from: all of them by Origin where it changes something, and over HTTPS and to loopback
 * by Sec-Fetch-Site too. `same-site` is another port or a sibling name: not us.
 */
function isOfThisOrigin({ headers, url }: Request, isSafe: boolean): boolean {
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin" && !(isSafe && site === "none")) return false;
  const origin = headers.get("origin");
  // A browser that sends neither sent no such request: both came before 2020.
  if (origin === null) return isSafe || site === "same-origin";
  // Behind a proxy the scheme is another one; the host is what it passes on.
  return /^https?:\/\/([^/]+)$/.exec(origin)?.[1] === new URL(url).host;
}

/** `Set-Cookie` for a new session; it ends with the browser, or before. */
export function setCookie(
  request: Request,
  addressing: AddressSettings,
  secret: string,
  seconds: number,
): string {
  return attributes(request, addressing, secret, seconds);
}

/** `Set-Cookie` that takes it away again. */
export function clearCookie(request: Request, addressing: AddressSettings): string {
  return attributes(request, addressing, "", 0);
}

function attributes(
  request: Request,
  addressing: AddressSettings,
  value: string,
  seconds: number,
): string {
  const name = cookieName(request, addressing);
  const secure = isSecure(request, addressing) ? "; Secure" : "";
  return `${name}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
}

/**
 * Under TLS only this very host can have set it (`__Host-`, RFC 6265bis §4.1.3.2). Without, the port is in the name: browsers
 * send cookies to every port of a host, and two instances on one machine would sign each other out.
 */
function cookieName(request: Request, addressing: AddressSettings): string {
  if (isSecure(request, addressing)) return "__Host-indelible";
  return `indelible-${new URL(request.url).port || "80"}`;
}

function isSecure(request: Request, addressing: AddressSettings): boolean {
  if (request.url.startsWith("https:")) return true;
  const said = request.headers.get("x-forwarded-proto");
  return said === "https" && isFromTrustedProxy(request, addressing);
}

/** Given twice, by whoever could set one for a parent domain, it is none. */
function cookieOf({ headers }: Request, name: string): string | null {
  const pairs = (headers.get("cookie") ?? "").split(";").map((pair) => pair.trim());
  const found = pairs.filter((pair) => pair.startsWith(`${name}=`));
  const value = found[0]?.slice(name.length + 1) ?? "";
  return found.length === 1 && VALUE.test(value) ? value : null;
}
