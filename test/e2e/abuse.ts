/** Clients that mean no good: plain sockets that send what they like, as slowly as they like; and what it cost the worker. */
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";

export interface RudeClient {
  readonly socket: Socket;
  /** What came back so far. */
  text(): string;
  /** The status of the answer, `null` while there is none. */
  status(): number | null;
  /** Resolves when the other side has answered or closed. */
  readonly answered: Promise<void>;
  readonly closed: Promise<void>;
}

/** Opens a connection; errors of it are what a rude client expects. */
export function rudeClient(url: string): Promise<RudeClient> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    let text = "";
    let hasAnswered: () => void;
    const answered = new Promise<void>((done) => (hasAnswered = done));
    const closed = new Promise<void>((done) => socket.once("close", () => done()));
    void closed.then(() => hasAnswered());
    socket.on("data", (data) => {
      text += data.toString("latin1");
      const headEnd = text.indexOf("\r\n\r\n");
      const length = Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? "0");
      if (headEnd >= 0 && text.length >= headEnd + 4 + length) hasAnswered();
    });
    socket.once("error", reject);
    socket.on("error", () => undefined);
    socket.once("connect", () => {
      const status = (): number | null => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]) || null;
      resolve({ socket, text: () => text, status, answered, closed });
    });
  });
}

export async function rudeClients(url: string, count: number): Promise<RudeClient[]> {
  return Promise.all(Array.from({ length: count }, () => rudeClient(url)));
}

/** Sends parts until they are sent or the other side has answered or closed; how many were. */
export async function sendUntilAnswered(
  { socket, answered }: RudeClient,
  parts: Iterable<Uint8Array>,
): Promise<number> {
  let isOver = false;
  void answered.then(() => (isOver = true));
  let sent = 0;
  for (const part of parts) {
    if (isOver || socket.destroyed) break;
    const drained = socket.write(part) || new Promise((resolve) => socket.once("drain", resolve));
    await Promise.race([drained, answered]);
    sent += 1;
  }
  return sent;
}

/** Peak memory of a process in MiB (Linux; `null` elsewhere). */
export function memoryPeakMib(pid: number): number | null {
  if (process.platform !== "linux") return null;
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}
