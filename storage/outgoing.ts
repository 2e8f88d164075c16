/**
 * Where the instance may be made to call: addresses that somebody configured, or that a server which was called named.
 * Only https to a public address, unless private ones are allowed. What a name resolves to is not known here: the network
 * that the worker calls through refuses loopback and private addresses after it has resolved it.
 */
import { rangeOf } from "./networks.ts";

/** No browser or proxy takes longer ones for granted. */
const URL_CHARS_MAX = 2_000;

/** Why this address may not be called; `null` where it may. */
export function outgoingProblem(text: string, privateAllowed: boolean): string | null {
  if (text.length > URL_CHARS_MAX) return `is longer than ${URL_CHARS_MAX} characters`;
  const url = urlOf(text);
  if (url === null) return "is not a URL";
  if (url.username !== "" || url.password !== "") return "holds a user or a password";
  if (url.protocol !== "https:" && !(privateAllowed && url.protocol === "http:")) {
    return "does not begin with https://";
  }
  return privateAllowed ? null : hostProblem(url.hostname);
}

/** The URL, `null` where it is none. */
export function urlOf(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

/** The URL parser has brought every spelling of an address (`127.1`, `0x7f000001`) into its plain form. */
function hostProblem(hostname: string): string | null {
  const range = rangeOf(hostname.replace(/^\[(.*)\]$/, "$1"));
  if (range !== null) return range === "unicast" ? null : `has a host that is ${range}`;
  const labels = hostname.replace(/\.$/, "").split(".");
  return labels.length > 1 && labels.at(-1) !== "localhost"
    ? null
    : "has a host that is no public name";
}
