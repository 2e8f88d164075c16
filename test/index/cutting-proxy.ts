/** A TCP proxy that can cut connections some milliseconds after the client has sent something. */
import { createConnection, createServer, type AddressInfo, type Socket } from "node:net";

export interface CuttingProxy {
  readonly url: string;
  /** Milliseconds after the next bytes of a client at which both sides are destroyed, once; null: never. */
  cutAfterMs: number | null;
  close(): Promise<void>;
}

export async function startCuttingProxy(targetUrl: string): Promise<CuttingProxy> {
  const target = new URL(targetUrl);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // A cut shows up as an error or a close of the other side: both sides end together.
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on("data", () => {
      if (proxy.cutAfterMs === null) return;
      const cut = () => {
        client.destroy();
        upstream.destroy();
      };
      setTimeout(cut, proxy.cutAfterMs);
      proxy.cutAfterMs = null;
    });
    client.pipe(upstream).pipe(client);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: CuttingProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cutAfterMs: null,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
