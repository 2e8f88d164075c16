/** A store that answers what a test tells it to: for the answers that a real one gives only when it is ill. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { VaultConfig } from "../../storage/vault/vault.ts";

export interface FakeStore {
  readonly config: VaultConfig;
  /** "GET /bucket/key?query", in order. */
  readonly asked: string[];
  /** What the next requests are answered with. */
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  stop(): Promise<void>;
}

export async function startFakeStore(): Promise<FakeStore> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume().once("end", () => fake.answer(request, response));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const fake: FakeStore = {
    config: {
      endpoint: `http://127.0.0.1:${port}`,
      bucket: "bucket",
      region: "us-east-1",
      accessKey: "access",
      secretKey: "secret",
      answerMsMax: 20_000,
    },
    asked,
    answer: (_, response) => response.writeHead(500).end(),
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return fake;
}

/** An answer with a body and, where `code` is given, as S3 words an error. */
export function reply(status: number, body = "", headers: Record<string, string> = {}) {
  return (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(status, headers).end(body);
  };
}

export function s3Error(status: number, code: string) {
  return reply(status, `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`);
}

/** Announces twice what it sends, then drops the connection. */
export function halfOf(body: string) {
  return (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(200, { "content-length": String(2 * body.length) });
    response.write(body, () => response.destroy());
  };
}
