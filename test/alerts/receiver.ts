/** A receiver of webhooks on loopback: a real HTTP server that remembers what came and answers as it is told to. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";

export interface Received {
  readonly path: string;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly atMs: number;
}

export interface Receiver {
  readonly url: string;
  readonly got: Received[];
  /** What is answered from now on; 200 until then. */
  answer: (response: ServerResponse, received: Received) => void;
  /** Resolves once so many requests came. */
  until(count: number): Promise<void>;
}

export async function startReceiver(t: TestContext): Promise<Receiver> {
  const waiting: { count: number; resolve: () => void }[] = [];
  const receiver: Receiver = {
    url: "",
    got: [],
    answer: (response) => response.end("ok"),
    until: (count) =>
      new Promise((resolve) => {
        if (receiver.got.length >= count) resolve();
        else waiting.push({ count, resolve });
      }),
  };
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      const { url: path = "", method = "", headers } = request;
      const received = { path, method, headers, body, atMs: Date.now() };
      receiver.got.push(received);
      receiver.answer(response, received);
      for (const { count, resolve } of waiting) if (receiver.got.length >= count) resolve();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(receiver, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  });
}
