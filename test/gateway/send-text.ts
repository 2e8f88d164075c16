/** A request as text on a socket, for forms that no client would send. */
import { connect } from "node:net";

const LIMIT_MS = 15_000;

/** Sends it and resolves with the whole answer, as text, when its body has ended or the connection has. */
export function sendText(url: string, request: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(request));
    let answer = "";
    const done = (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setEncoding("latin1").on("data", (text: string) => {
      answer += text;
      const [head, body] = answer.split("\r\n\r\n", 2);
      const length = /^content-length: (\d+)/im.exec(head!)?.[1];
      if (body !== undefined && length !== undefined && body.length >= Number(length)) done();
    });
    socket.once("end", done);
    socket.once("error", reject);
    socket.setTimeout(LIMIT_MS, () => {
      socket.destroy();
      reject(new Error(`no whole answer within ${LIMIT_MS} ms: ${answer}`));
    });
  });
}
