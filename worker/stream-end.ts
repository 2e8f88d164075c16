/**
 * How a long answer ended. A client that goes away may show in the request's signal, in a cancelled stream, or not at all:
 * workerd drops a body whose connection breaks while it is written. So a stream that nobody pulls for minutes has ended too.
 */

/** A page of 1 MiB in that time is 3.5 kB a second: slower than any reader that means to come to the end. */
const STALL_MS = 5 * 60_000;

export class StreamEnd {
  /** Resolves when the stream is over, however; what keeps the request's surroundings alive until then. */
  readonly over: Promise<void>;
  #resolve: () => void = () => {};
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;
  readonly #early: () => void;
  readonly #stallMs: number;

  /** `early` is called once where the stream ends before it is whole. */
  constructor(signal: AbortSignal, early: () => void, stallMs: number = STALL_MS) {
    this.#early = early;
    this.#stallMs = stallMs;
    this.over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    signal.addEventListener("abort", () => this.early());
    this.pulled();
  }

  /** The client took something. */
  pulled(): void {
    clearTimeout(this.#timer);
    if (!this.#isOver) this.#timer = setTimeout(() => this.early(), this.#stallMs);
  }

  /** The client waits for us: however long that takes is no sign of its going. */
  working(): void {
    clearTimeout(this.#timer);
  }

  whole(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#resolve();
  }

  early(): void {
    if (this.#isOver) return;
    this.whole();
    this.#early();
  }
}
