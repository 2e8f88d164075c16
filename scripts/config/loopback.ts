/** Hosts that are this machine. */
import { isLoopback, isNetwork } from "../../storage/networks.ts";

/** True for `localhost` and loopback addresses, IPv6 ones in brackets. */
export function isLoopbackHost(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, "$1");
  return host === "localhost" || (isNetwork(address) && isLoopback(address));
}
