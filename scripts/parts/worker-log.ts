/**
 * What workerd prints, as lines for the operator. The worker's own lines are JSON already; workerd's are made so. A
 * connection on which TLS failed is anybody's doing, so of those one line a minute tells how many there were.
 */

const TLS_FAILED = /error accepting tls connection/;
/** workerd's own stack traces are addresses in its program: of no use to anybody here. */
const NATIVE_STACK = /^stack: /;
const TLS_SAY_MS = 60_000;

export class WorkerLog {
  readonly #say: (line: string) => void;
  readonly #nowMs: () => number;
  #tlsFailures = 0;
  #tlsSaidMs = -Infinity;

  constructor(say: (line: string) => void, nowMs: () => number = Date.now) {
    this.#say = say;
    this.#nowMs = nowMs;
  }

  line(text: string): void {
    if (text.startsWith("{")) this.#say(text);
    else if (TLS_FAILED.test(text)) this.#tlsFailed(text);
    else if (!NATIVE_STACK.test(text)) this.#tell("error", "workerd says", { reason: text });
  }

  #tlsFailed(reason: string): void {
    this.#tlsFailures += 1;
    if (this.#nowMs() - this.#tlsSaidMs < TLS_SAY_MS) return;
    const count = this.#tlsFailures;
    this.#tell("warn", "connections were refused because TLS failed", { count, reason });
    this.#tlsFailures = 0;
    this.#tlsSaidMs = this.#nowMs();
  }

  #tell(level: string, message: string, fields: Record<string, unknown>): void {
    const time = new Date(this.#nowMs()).toISOString();
    this.#say(JSON.stringify({ time, level, message, ...fields }));
  }
}
