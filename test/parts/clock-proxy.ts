/**
 * A way to a store on which its clock can be moved: everything passes as it is but the `Date` of answers. Signatures stay valid,
 * because the Host header passes, too.
 */
import { createServer, request as send } from "node:http";
import type { AddressInfo } from "node:net";

export interface ClockProxy {
  readonly endpoint: string;
  /** How far the store's clock is ahead from now on, milliseconds. */
  shiftMs: number;
  stop(): void;
}

export async function startClockProxy(store: string): Promise<ClockProxy> {
  const { hostname, port } = new URL(store);
  const server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const passed = send({ hostname, port, method, path: url, headers }, (answer) => {
      const date = new Date(Date.now() + proxy.shiftMs).toUTCString();
      outgoing.writeHead(answer.statusCode ?? 502, { ...answer.headers, date });
      answer.pipe(outgoing);
    });
    passed.on("error", () => outgoing.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: ClockProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    shiftMs: 0,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return proxy;
}
