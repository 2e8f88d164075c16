/** Internet addresses, and networks in CIDR form (RFC 4632; RFC 4291 §2.3), as people write them. */
import ipaddr from "ipaddr.js";

type Address = ipaddr.IPv4 | ipaddr.IPv6;
type Range = [Address, number];

/** Some networks; an address alone is the network of itself. */
export class Networks {
  readonly #ranges: readonly Range[];

  /** Throws where `isNetwork` is false. */
  constructor(texts: readonly string[]) {
    this.#ranges = texts.map(parseNetwork);
  }

  covers(address: string | null): boolean {
    if (this.#ranges.length === 0 || address === null || !ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return this.#ranges.some(
      ([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits),
    );
  }
}

/** True for `192.0.2.0/24`, `2001:db8::/32`, or an address alone. */
export function isNetwork(text: string): boolean {
  try {
    parseNetwork(text);
    return true;
  } catch {
    return false;
  }
}

export function isLoopback(address: string | null): boolean {
  return address !== null && ipaddr.parse(address).range() === "loopback";
}

/** The kind of an address: `unicast` is public, others are `loopback`, `private`, `linkLocal` …; `null` for what is none. */
export function rangeOf(text: string): string | null {
  return ipaddr.isValid(text) ? ipaddr.process(text).range() : null;
}

/** One spelling of an address, `null` if it is none. An IPv4 address that was written as an IPv6 one is the IPv4 one. */
export function plainAddress(text: string): string | null {
  return ipaddr.isValid(text) ? ipaddr.process(text).toString() : null;
}

/** What counts as one sender: an IPv4 address; of IPv6 the /64, which is what one customer gets (RFC 6177 §2). */
export function senderNetwork(address: string): string {
  if (!address.includes(":")) return address;
  const { parts } = ipaddr.parse(address) as ipaddr.IPv6;
  return `${parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(":")}::/64`;
}

function parseNetwork(text: string): Range {
  if (!NETWORK_FORM.test(text)) throw new Error(`${text} is no network`);
  if (text.includes("/")) return ipaddr.parseCIDR(text);
  const address = ipaddr.process(text);
  return [address, address.kind() === "ipv4" ? 32 : 128];
}

/** The library also reads octal, hexadecimal and shortened IPv4 forms, which people read otherwise. */
const NETWORK_FORM =
  /^(?:(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})|[0-9a-fA-F:]*:[0-9a-fA-F:.]*)(?:\/[0-9]{1,3})?$/;
