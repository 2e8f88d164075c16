/**
 * The attacker of Try it: somebody with the database and the store's key, outside of the worker, and only for the log `demo`. A
 * small server on loopback that answers whoever has its secret, which is the worker alone. It is there only where
 * `cheatingAllowed` says so: on an instance that somebody tries out on his own machine.
 */
import { createServer, type IncomingMessage } from "node:http";
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { AddressInfo } from "node:net";
import { dirname } from "node:path";
import type { Config } from "../config.ts";
import { isLoopbackHost } from "../config/loopback.ts";
import { cheat, CHEAT_WAYS, type CheatWay } from "../cheats/cheats.ts";
import type { Stores } from "./stores.ts";

/** Nothing else is ever touched. */
export const CHEAT_LOG = "demo";

const BODY_BYTES_MAX = 1_000;

export interface Cheater {
  /** `host:port` of loopback. */
  readonly address: string;
  readonly secret: string;
  stop(): void;
}

/**
 * Everything is local, heard on loopback alone, has no name of its own, no certificate, no proxy and no sign-in: nobody runs
 * such an instance for others. INDELIBLE_TRY_IT=off takes the attacker away from there, too.
 */
export function cheatingAllowed(config: Config): boolean {
  const isLocal =
    config.s3 === null && config.libsql === null && isLoopbackHost(config.listen.host);
  const isNamed = config.origin !== null || config.tls !== null || config.issuers !== null;
  const isPlain = config.trustedProxies.length === 0 && dirname(config.keysDir) === config.dataDir;
  return config.tryIt && isLocal && !isNamed && isPlain;
}

export async function startCheater(dataDir: string, stores: Stores): Promise<Cheater> {
  const secret = randomBytes(32).toString("base64url");
  const server = createServer((request, response) => {
    answer(request, secret, dataDir, stores).then(
      ([status, body]) => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify(body));
      },
      (error: Error) => {
        response.writeHead(500, { "content-type": "application/json" });
        response.end(JSON.stringify({ detail: error.message }));
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  // It keeps nothing alive by itself.
  server.unref();
  const { port } = server.address() as AddressInfo;
  return { address: `127.0.0.1:${port}`, secret, stop: () => void server.close() };
}

async function answer(
  request: IncomingMessage,
  secret: string,
  dataDir: string,
  stores: Stores,
): Promise<[status: number, body: unknown]> {
  if (!isSame(request.headers.authorization ?? "", `Bearer ${secret}`)) return [401, {}];
  let text = "";
  for await (const part of request.setEncoding("utf8")) {
    text += String(part);
    if (text.length > BODY_BYTES_MAX) return [413, {}];
  }
  const { way, seq } = JSON.parse(text) as { way: CheatWay; seq: number };
  if (!CHEAT_WAYS.includes(way) || !Number.isSafeInteger(seq) || seq < 0) return [400, {}];
  return [200, await cheat({ way, seq, log: CHEAT_LOG }, { dataDir, stores })];
}

function isSame(given: string, wanted: string): boolean {
  const [a, b] = [given, wanted].map((text) => createHash("sha256").update(text).digest());
  return timingSafeEqual(a!, b!);
}
