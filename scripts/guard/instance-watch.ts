/**
 * The instance as everybody sees it, if the guard was given its address: whether it answers, and which checkpoints it shows.
 * What it shows has to be signed, and has to be what the vault has.
 */
import type { KeptCheckpoint } from "../../storage/flow/remembered.ts";
import { keysOf } from "../../storage/flow/verify.ts";
import { openCheckpoint, logOrigin } from "../../storage/log/checkpoint.ts";
import { newFinding, type Finding } from "../../storage/log/findings.ts";
import type { Verify, VerifierKey } from "../../storage/log/note.ts";
import { formatTimeMs } from "../../storage/log/time.ts";

export interface InstanceWatchParts {
  readonly url: string;
  readonly token: string | null;
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
  readonly verify: Verify;
  readonly nowMs: () => number;
  /** No answer is a finding after so long. */
  readonly unreachableMs: number;
}

const ASK_MS = 10_000;
const ANSWER_MS_MAX = 10_000;
const NOTE_CHARS_MAX = 100_000;

export class InstanceWatch {
  readonly #parts: InstanceWatchParts;
  #askedMs = -Infinity;
  #silent: { readonly sinceMs: number; readonly why: string } | null = null;
  /** Logs whose checkpoint does not open, with why. */
  readonly #unsigned = new Map<string, string>();

  constructor(parts: InstanceWatchParts) {
    this.#parts = parts;
  }

  async conditions(): Promise<Finding[]> {
    const nowMs = this.#parts.nowMs();
    if (nowMs - this.#askedMs >= ASK_MS || nowMs < this.#askedMs) {
      this.#askedMs = nowMs;
      await this.#ask(nowMs);
    }
    const findings = [...this.#unsigned].map(([log, why]) => {
      const expected = "a checkpoint that the log key has signed";
      return newFinding("signature_invalid", { log }, expected, `${this.#parts.url} shows: ${why}`);
    });
    const silent = this.#silent;
    if (silent === null || nowMs - silent.sinceMs < this.#parts.unreachableMs) return findings;
    const found = `none since ${formatTimeMs(silent.sinceMs)}: ${silent.why}`;
    const expected = `an answer of ${this.#parts.url}`;
    return [...findings, newFinding("instance_unreachable", {}, expected, found)];
  }

  /** The latest sealed checkpoint of a log as the instance shows it now; none where the guard may not read it, or nobody answers. */
  async checkpoints(log: string): Promise<KeptCheckpoint[]> {
    const { url, origin, keys, verify } = this.#parts;
    if (this.#silent !== null) return [];
    const note = await this.#text(`/tlog/${log}/checkpoint`);
    if (note === null) return [];
    try {
      const opened = await openCheckpoint(
        note,
        keysOf(keys, origin, logOrigin(origin, log)),
        verify,
      );
      if (opened.origin !== logOrigin(origin, log)) throw new Error(`it is of ${opened.origin}`);
      this.#unsigned.delete(log);
      return [{ ...opened, source: `the checkpoint that ${url} shows` }];
    } catch (error) {
      this.#unsigned.set(log, (error as Error).message);
      return [];
    }
  }

  async #ask(nowMs: number): Promise<void> {
    try {
      // Whatever it says of itself, it is there: what is wrong with it, it tells itself.
      const answer = await this.#fetch("/readyz");
      await answer.body?.cancel();
      this.#silent = null;
    } catch (error) {
      this.#silent = { sinceMs: this.#silent?.sinceMs ?? nowMs, why: reasonOf(error) };
    }
  }

  async #text(path: string): Promise<string | null> {
    try {
      const answer = await this.#fetch(path);
      if (answer.status === 200) return (await answer.text()).slice(0, NOTE_CHARS_MAX);
      await answer.body?.cancel();
    } catch {
      // That nobody answers is told by itself.
    }
    return null;
  }

  #fetch(path: string): Promise<Response> {
    const { url, token } = this.#parts;
    return fetch(`${url}${path}`, {
      // Looks are as far apart as the instance keeps an idle connection: one that it closes just then would look like its absence.
      headers: { connection: "close", ...(token && { authorization: `Bearer ${token}` }) },
      redirect: "error",
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
  }
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
