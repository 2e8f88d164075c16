/**
 * Free ports on loopback. A port is found by binding and letting go, so another program may take it
 * in between: what then fails to start says so, and others are taken.
 */
import { randomInt } from "node:crypto";
import { createServer, type AddressInfo, type Server } from "node:net";

/** One port of 127.0.0.1 for each wish, all different and free a moment ago; 0 wishes for any. */
export async function freePorts(wishes: readonly number[]): Promise<number[]> {
  const servers: Server[] = [];
  try {
    for (const wish of wishes) {
      servers.push((wish === 0 ? null : await tryListen(wish)) ?? (await listenAnywhere()));
    }
    return servers.map((server) => (server.address() as AddressInfo).port);
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** Below the ports that systems give to outgoing connections (32768 and up on Linux), which come and go all the time. */
const PORT_MIN = 20_000;
const PORT_MAX = 32_767;
const TRIES_MAX = 100;

async function listenAnywhere(): Promise<Server> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const server = await tryListen(randomInt(PORT_MIN, PORT_MAX + 1));
    if (server !== null) return server;
  }
  const server = await tryListen(0);
  if (server === null) throw new Error("No port is free on 127.0.0.1.");
  return server;
}

/** `null` if the port is taken. */
function tryListen(port: number): Promise<Server | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(null));
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}
