/**
 * Work that cannot go on because vault or index do not answer: tried again with growing pauses, and a finding once it has
 * lasted. Parts of an instance are stopped and started; that is no finding. Nor is work whose turn has not come again while
 * other work was answered: what one piece of work was told counts for all.
 */
import { newFinding, type Finding } from "../../log/findings.ts";
import { IndexError, VaultError } from "../../ports.ts";
import { formatTime } from "../append.ts";

interface Failure {
  readonly sinceMs: number;
  readonly tries: number;
  readonly retryMs: number;
  readonly code: "vault_unreachable" | "index_unreachable" | null;
  readonly why: string;
}

const RETRY_MS = 1_000;
const RETRY_MS_MAX = 10_000;
/** For a pass that fails by what is no fault of vault or index. */
const FAULT_RETRY_MS = 60_000;
const PASSES: ReadonlySet<string> = new Set(["scheduled", "requested"]);
/** A step of these reads the vault and, if there is one, the index. */
const ASKING: ReadonlySet<string> = new Set([...PASSES, "seals"]);

export class Failures {
  /** By what could not go on. */
  readonly #failures = new Map<string, Failure>();
  /** When vault and index last answered any of the works that ask both. */
  #answeredMs = -Infinity;

  /** How often this has failed in a row. */
  failed(work: string, error: unknown, nowMs: number): Failure {
    const before = this.#failures.get(work);
    const code = codeOf(error);
    const tries = (before?.tries ?? 0) + 1;
    const growingMs = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** (tries - 1));
    const pauseMs = code === null && PASSES.has(work) ? FAULT_RETRY_MS : growingMs;
    const failure = {
      ...{ sinceMs: this.#lasts(before) ? before.sinceMs : nowMs, tries },
      ...{ retryMs: nowMs + pauseMs, code },
      why: error instanceof Error ? error.message : String(error),
    };
    this.#failures.set(work, failure);
    return failure;
  }

  went(work: string, nowMs: number): void {
    this.#failures.delete(work);
    if (ASKING.has(work)) this.#answeredMs = nowMs;
  }

  /** It is not tried any more. */
  forget(work: string): void {
    this.#failures.delete(work);
  }

  has(work: string): boolean {
    return this.#failures.has(work);
  }

  /** When this may be tried again. */
  retryMs(work: string): number {
    return this.#failures.get(work)?.retryMs ?? 0;
  }

  get sinceMs(): number | null {
    const lasting = [...this.#failures.values()].filter((failure) => this.#lasts(failure));
    const times = lasting.map(({ sinceMs }) => sinceMs);
    return times.length === 0 ? null : Math.min(...times);
  }

  /** Of what has lasted. */
  findings(nowMs: number, lastingMs: number): Finding[] {
    const findings = new Map<string, Finding>();
    for (const failure of this.#failures.values()) {
      const { code, sinceMs, why } = failure;
      if (code === null || nowMs - sinceMs < lastingMs || !this.#lasts(failure)) continue;
      const found = `none since ${formatTime(sinceMs)}: ${why}`;
      findings.set(code, newFinding(code, {}, "an answer", found));
    }
    return [...findings.values()];
  }

  #lasts(failure: Failure | undefined): failure is Failure {
    return failure !== undefined && (failure.code === null || failure.sinceMs > this.#answeredMs);
  }
}

function codeOf(error: unknown): Failure["code"] {
  if (error instanceof VaultError) return "vault_unreachable";
  return error instanceof IndexError ? "index_unreachable" : null;
}
