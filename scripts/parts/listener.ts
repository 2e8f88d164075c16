/** How the public listener is spoken of: its address as a person would use it, and what is wrong with where it listens. */
import type { Config } from "../config.ts";
import { isLoopbackHost } from "../config/loopback.ts";
import { hostUnder, isSelfSigned, type Tls } from "./tls.ts";

/** The public address; under a certificate, by a name that it covers. */
export function urlOf(host: string, port: number, tls: Tls | undefined): string {
  const shown = reachableHost(host);
  return tls ? `https://${hostUnder(tls.leaf, shown)}:${port}` : `http://${shown}:${port}`;
}

/** What curl needs beside the address, for the command that is shown to be tried. */
export function curlOptions(config: Config, tls: Tls | undefined): string[] {
  return config.tls && tls && isSelfSigned(tls.leaf) ? ["--cacert", config.tls.certFile] : [];
}

/** Said at each start that listens to other machines over plain HTTP, without a proxy in between that was named. */
export function openWarning({ listen, tls, trustedProxies }: Config): string | null {
  if (isLoopbackHost(listen.host) || tls !== null || trustedProxies.length > 0) return null;
  return (
    "WARNING: tokens and events can be read on the network: INDELIBLE_LISTEN is not loopback, and there is neither TLS " +
    "(INDELIBLE_TLS_CERT, INDELIBLE_TLS_KEY) nor a proxy that ends it (INDELIBLE_TRUSTED_PROXIES)."
  );
}

function reachableHost(host: string): string {
  if (host === "*" || host === "0.0.0.0") return "127.0.0.1";
  return host === "[::]" ? "[::1]" : host;
}
