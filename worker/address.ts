/**
 * Where a request comes from. workerd names the other end of the connection in `request.cf`; an edge puts the
 * sender's address into a header that nobody else can set there. Between a proxy and us stands what the proxy says,
 * and only proxies that were named are believed (`X-Forwarded-For`, read from the right).
 */
import { plainAddress, type Networks } from "../storage/networks.ts";

/** What is known of the way to us. */
export interface AddressSettings {
  /** True where workerd runs behind an edge's own front, which sets `CF-Connecting-IP`. */
  readonly onEdge: boolean;
  /** Networks of proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: Networks;
}

/**
 * The sender's address in its plain form, `null` where nothing is known of it. A proxy that is believed and names
 * nobody is itself the sender.
 */
export function senderAddress(request: Request, settings: AddressSettings): string | null {
  if (settings.onEdge) return plainAddress(request.headers.get("cf-connecting-ip") ?? "");
  let address = peerAddress(request);
  if (!settings.trustedProxies.covers(address)) return address;
  const said = (request.headers.get("x-forwarded-for") ?? "").split(",").reverse();
  for (const text of said) {
    const before = plainAddress(withoutPort(text.trim()));
    if (before === null) break;
    address = before;
    if (!settings.trustedProxies.covers(address)) break;
  }
  return address;
}

/** True where the other end of the connection is a proxy whose word is taken. */
export function isFromTrustedProxy(request: Request, settings: AddressSettings): boolean {
  return !settings.onEdge && settings.trustedProxies.covers(peerAddress(request));
}

/** The other end of the connection, as workerd knows it. */
function peerAddress(request: Request): string | null {
  const { cf } = request as { cf?: { clientIp?: unknown } };
  return typeof cf?.clientIp === "string" ? plainAddress(withoutPort(cf.clientIp)) : null;
}

/** `192.0.2.1:443`, `[2001:db8::1]:443`, or without the port. */
function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]*)\](?::[0-9]+)?$/.exec(text);
  if (bracketed !== null) return bracketed[1]!;
  return /^[0-9.]+:[0-9]+$/.test(text) ? text.slice(0, text.indexOf(":")) : text;
}
