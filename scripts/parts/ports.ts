/**
 * Free ports on loopback. A port is found by binding and letting go, so another program may take it
 * in between: what then fails to start says so, and the next start takes another.
 */
import { createServer, type AddressInfo, type Server } from "node:net";

/** One port of 127.0.0.1 for each wish, all different and free a moment ago; 0 wishes for any. */
export async function freePorts(wishes: readonly number[]): Promise<number[]> {
  const servers: Server[] = [];
  try {
    for (const wish of wishes) {
      servers.push((await tryListen(wish)) ?? (await tryListen(0))!);
    }
    return servers.map((server) => (server.address() as AddressInfo).port);
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** `null` if the port is taken. */
function tryListen(port: number): Promise<Server | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(null));
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}
