/** Requests that a well-behaved client never sends: chunked, stalled, or still sending when the answer comes. */
import { request } from "node:http";
import type { Reply } from "./client.ts";

export interface RawRequest {
  readonly method?: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent one after the other; without a Content-Length among the headers they are chunked. */
  readonly parts: Iterable<Uint8Array>;
  /** False: the body is never ended. */
  readonly end?: boolean;
}

/** Sends it and reads the answer, which may come before all is sent. Rejects if the connection ends without one. */
export function sendRaw(url: string, { method, headers, parts, end }: RawRequest): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: method ?? "POST", headers, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part: string) => (text += part));
      answer.on("end", () => {
        sent.destroy();
        const pairs = Object.entries(answer.headersDistinct).map(
          ([name, values]) => [name, values!.join(", ")] as [string, string],
        );
        resolve({
          status: answer.statusCode!,
          headers: new Headers(pairs),
          text,
          json: () => JSON.parse(text),
        });
      });
      answer.once("error", reject);
    });
    sent.once("error", reject);
    void (async () => {
      for (const part of parts) {
        if (sent.destroyed) return;
        if (!sent.write(part)) await new Promise((drained) => sent.once("drain", drained));
      }
      if (end !== false) sent.end();
    })();
  });
}
