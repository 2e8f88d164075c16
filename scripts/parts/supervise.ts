/**
 * Keeps parts running: one that dies is started again with growing pauses, and said so; one that cannot
 * be started ends the whole, with its own last lines. Exit code 0 is no exception: it is what a stray
 * SIGTERM gives too.
 */
import type { Part, PartExit } from "./part.ts";
import type { RestartablePart } from "./stores.ts";

/** The pause before the first restart; it doubles up to the longest, in which callers still wait instead of giving up. */
const PAUSE_MS_MIN = 250;
const PAUSE_MS_MAX = 2_000;
/** A part that ran for so many of its next pauses begins again with the shortest: then it is away a tenth of the time at most. */
const STEADY_PAUSES = 5;
/** So many failed starts in a row (0.25 + 0.5 + 1 + 2 + 2 s of pauses) are no accident. */
const FAILED_STARTS_MAX = 5;
/** Of a part's last lines, those shown when it died. */
const LINES_SHOWN = 5;

export interface SuperviseOptions {
  readonly say: (message: string) => void;
  /** A part runs again after it died. */
  readonly onRestart: (name: string) => void;
}

interface Watched {
  part: Part;
  done: Promise<void>;
  /** True while its end is wanted, and its next start too. */
  isAsked: boolean;
}

export class Supervisor {
  /** Settles with the reason when a part cannot be started any more. */
  readonly failed: Promise<Error>;
  readonly #options: SuperviseOptions;
  readonly #stopping = new AbortController();
  readonly #watched = new Map<string, Watched>();
  #fail!: (error: Error) => void;

  constructor(options: SuperviseOptions) {
    this.#options = options;
    this.failed = new Promise((resolve) => (this.#fail = resolve));
  }

  watch(restartable: RestartablePart): void {
    const entry: Watched = { part: restartable.part, done: Promise.resolve(), isAsked: false };
    this.#watched.set(restartable.name, entry);
    entry.done = this.#keepRunning(restartable, entry);
  }

  /** From here on a part that ends stays down. */
  release(): void {
    this.#stopping.abort();
  }

  /** Ends one part in order and starts it again at once, like one that died. */
  async restart(name: string, graceMs?: number): Promise<void> {
    const entry = this.#watched.get(name);
    if (!entry || this.#stopping.signal.aborted) return;
    entry.isAsked = true;
    await entry.part.stop(graceMs);
  }

  /** Stops one part, also if it is just being started again. */
  async stop(name: string, graceMs?: number): Promise<void> {
    this.release();
    const entry = this.#watched.get(name);
    if (!entry) return;
    await entry.part.stop(graceMs);
    await entry.done;
    await entry.part.stop(graceMs);
  }

  async #keepRunning(restartable: RestartablePart, entry: Watched): Promise<void> {
    let pauseMs = PAUSE_MS_MIN;
    for (;;) {
      const startedMs = Date.now();
      const exit = await entry.part.exited;
      if (this.#stopping.signal.aborted) return;
      if (Date.now() - startedMs > STEADY_PAUSES * pauseMs) pauseMs = PAUSE_MS_MIN;
      if (!entry.isAsked) this.#sayEnded(entry.part, exit, pauseMs);
      const part = await this.#startAgain(restartable, entry.isAsked ? 0 : pauseMs);
      if (!part) return;
      entry.part = part;
      entry.isAsked = false;
      pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX);
      if (this.#stopping.signal.aborted) return;
      this.#options.say(`${part.name} runs again.`);
      this.#options.onRestart(restartable.name);
    }
  }

  /** `null` if everything is being stopped, or has failed. */
  async #startAgain({ start }: RestartablePart, firstPauseMs: number): Promise<Part | null> {
    let pauseMs = firstPauseMs;
    for (let failures = 0; ; pauseMs = Math.min(2 * pauseMs || PAUSE_MS_MIN, PAUSE_MS_MAX)) {
      await this.#pause(pauseMs);
      if (this.#stopping.signal.aborted) return null;
      try {
        return await start();
      } catch (error) {
        failures += 1;
        if (this.#stopping.signal.aborted) return null;
        if (failures === FAILED_STARTS_MAX) {
          this.#fail(error as Error);
          return null;
        }
        this.#options.say((error as Error).message);
      }
    }
  }

  #sayEnded(part: Part, exit: PartExit, pauseMs: number): void {
    const how = exit.signal ?? `exit code ${exit.code}`;
    this.#options.say(`${part.name} ended (${how}); starting it again in ${pauseMs / 1000} s.`);
    for (const line of part.lastLines().slice(-LINES_SHOWN)) {
      this.#options.say(`  ${part.name} | ${line}`);
    }
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#stopping;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done, { once: true });
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      }
    });
  }
}
