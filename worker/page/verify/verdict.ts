/**
 * What a check in the browser comes to: which checks there are, in which state each is, and what was found. The same words as
 * the findings of `npm run verify`; each fault says besides which check caught it, with both sides of it.
 */
import type { Finding } from "../../../storage/log/findings.ts";

/** The only words of a badge. Nothing but the first is ever green, and it is said only of what was computed here. */
export type Badge = "Verified here" | "Server says" | "Not checked" | "Does not match";

export type CheckName =
  "key" | "chain" | "signature" | "root" | "sealed" | "remembered" | "tail" | "witness";

/**
 * `open`: it was looked at, and cannot be proven from here; `skipped`: it was not looked at, and why; never shown as if it held.
 */
export type CheckState = "waiting" | "running" | "holds" | "fails" | "open" | "skipped";

export interface Check {
  readonly state: CheckState;
  readonly words: string;
}

export type Checks = Readonly<Record<CheckName, Check>>;

/** One thing that does not hold. `vault` and `index`: the entry's two lines, where they differ. */
export interface Fault extends Finding {
  readonly check: CheckName;
  readonly vault: string | null;
  readonly index: string | null;
}

export interface Progress {
  readonly entries: number;
  /** How many there are to check; not yet known at 0. */
  readonly of: number;
  readonly bytes: number;
  readonly seals: number;
  /** The first seq of the seal at hand. */
  readonly seal: number | null;
}

export interface Verdict {
  readonly badge: Badge;
  /** The one sentence. */
  readonly words: string;
  readonly log: string;
  readonly origin: string;
  readonly checks: Checks;
  readonly faults: readonly Fault[];
  /** Faults beyond those that are listed. */
  readonly faultsMore: number;
  readonly progress: Progress;
  /** The signed checkpoint that was checked against; null where nothing is sealed. */
  readonly checkpoint: string | null;
  readonly size: number;
  /** Verifier keys that signed what was checked. */
  readonly vkeys: readonly string[];
  /** True if nothing was left out: then the checkpoint is worth remembering. */
  readonly whole: boolean;
}

/** Nobody reads more; how many more there are is counted. */
const FAULTS_MAX = 20;

/** Gathers checks and faults on the way; the first fault of a check is what its words say. */
export class VerdictBook {
  readonly faults: Fault[] = [];
  faultsMore = 0;
  readonly #checks: Record<CheckName, Check>;
  readonly #onChange: (checks: Checks) => void;

  constructor(onChange: (checks: Checks) => void = () => {}) {
    const waiting: Check = { state: "waiting", words: "" };
    this.#checks = {
      ...{ key: waiting, chain: waiting, signature: waiting, root: waiting, sealed: waiting },
      ...{ remembered: waiting, tail: waiting, witness: waiting },
    };
    this.#onChange = onChange;
  }

  get checks(): Checks {
    return { ...this.#checks };
  }

  /** A check that failed stays so. */
  set(name: CheckName, state: CheckState, words: string): void {
    if (this.#checks[name].state === "fails") return;
    this.#checks[name] = { state, words };
    this.#onChange(this.checks);
  }

  fail(
    check: CheckName,
    finding: Finding,
    words: string,
    lines: { vault?: string | null; index?: string | null } = {},
  ): void {
    const { vault = null, index = null } = lines;
    if (this.faults.length < FAULTS_MAX) this.faults.push({ ...finding, check, vault, index });
    else this.faultsMore++;
    this.set(check, "fails", words);
  }

  get failed(): boolean {
    return this.faults.length > 0;
  }

  is(name: CheckName, state: CheckState): boolean {
    return this.#checks[name].state === state;
  }
}

/** The sentence beside the badge: what was found first, or how far the proof goes. */
export function wordsOf(book: VerdictBook, entries: number, size: number): string {
  const [fault] = book.faults;
  if (fault !== undefined) {
    const where = fault.first === null ? "" : ` at entry ${fault.first}`;
    return `${fault.code}${where}: caught by ${CHECK_WORDS[fault.check]}`;
  }
  if (entries === 0) return "Nothing is sealed yet: there is nothing to check";
  const { remembered } = book.checks;
  const first =
    remembered.state === "open" ? " Not provable here: no witness, and nothing remembered." : "";
  return `${entries} of ${size} sealed entries hold.${first}`;
}

/** The checks as people read them. */
export const CHECK_WORDS: Readonly<Record<CheckName, string>> = {
  key: "the verifier key",
  chain: "the hash chain",
  signature: "the signature",
  root: "the root against the checkpoint",
  sealed: "the sealed batch against the index",
  remembered: "the checkpoint that this browser remembers",
  tail: "what is not sealed yet",
  witness: "witnesses",
};
