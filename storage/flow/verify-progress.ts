/**
 * Where the verification of a log stands, as JSON: what it has seen of the log is in here, or did not matter for the rest. It
 * can be kept, and gone on from by another process.
 */
import type { Head } from "../log/hash.ts";
import type { IndexHead } from "../ports.ts";
import type { KeyOrderState } from "./key-order.ts";
import type { SealRowsState } from "./seal-rows.ts";
import { AT_START, type WalkPlace } from "./walk.ts";

/** What was looked at so far. */
export type LogCounts = {
  readonly entries: number;
  readonly batches: number;
  readonly objectBytes: number;
  readonly lineBytes: number;
  /** Versions whose lock was asked for. */
  readonly locks: number;
};

/** The stretch between the last seal and the head of the index, as far as it was followed. */
export type TailProgress = {
  readonly head: IndexHead;
  /** The next entry; the chain up to it, and the tree (a frontier as in `IndexHead`). */
  readonly at: number;
  readonly leaf: string;
  readonly timeMs: number | null;
  readonly frontier: string;
};

export type LogProgress = {
  /** `batches`: through the vault; `late`: what was sealed meanwhile; `tail`: what is under no seal yet. */
  readonly phase: "batches" | "late" | "tail" | "done";
  readonly place: WalkPlace | null;
  /** After the last batch that counts; where a walk began in the middle, its leaf is not known before that. */
  readonly before: Head & { readonly frontier: string };
  readonly known: boolean;
  /** Of the last entry; the root after it, base64; and the signed checkpoint that has it. */
  readonly timeMs: number | null;
  readonly root: string | null;
  readonly note: string | null;
  readonly counts: LogCounts;
  readonly order: KeyOrderState;
  readonly rows: SealRowsState | null;
  /** Keys of slots that do not hold, which were told. */
  readonly damaged: readonly string[];
  /** The log's objects cannot be listed, only looked for one by one. */
  readonly unlisted: boolean;
  /** The lock of the last batch that counted, for what lies beside it. */
  readonly beside: { readonly first: number; readonly retainAtLeastMs: number } | null;
  readonly tail: TailProgress | null;
  readonly index: { readonly size: number; readonly unsealed: number } | null;
};

const START: LogProgress = {
  phase: "batches",
  place: null,
  before: AT_START as NonNullable<typeof AT_START>,
  known: true,
  ...{ timeMs: null, root: null, note: null },
  counts: { entries: 0, batches: 0, objectBytes: 0, lineBytes: 0, locks: 0 },
  order: { current: null, replaced: [] },
  rows: null,
  ...{ damaged: [], unlisted: false, beside: null, tail: null, index: null },
};

/** At the slot that begins at `first`: at the beginning of a log, or in its middle without knowing what came before. */
export function progressAt(first = 0): LogProgress {
  if (first === 0) return START;
  return {
    ...START,
    place: { size: first, before: null, afterInvalid: false, key: null },
    before: { size: first, leaf: "", frontier: "" },
    known: false,
    rows: { next: first, newest: first, without: [], toldBelow: first },
  };
}

/** The end of what was verified once, which later seals have to continue. */
export type LogPosition = Pick<
  LogProgress,
  "before" | "known" | "timeMs" | "root" | "note" | "order"
>;

/** Behind what was verified before: what was sealed since then, without counts of what came before. */
export function progressBehind(position: LogPosition): LogProgress {
  const { size } = position.before;
  const rows = { next: size, newest: size, without: [], toldBelow: size };
  return { ...START, ...positionOf(position), rows };
}

/** The part of a progress that `progressBehind` goes on from. */
export function positionOf(progress: LogPosition): LogPosition {
  const { before, known, timeMs, root, note, order } = progress;
  return { before, known, timeMs, root, note, order };
}

const PHASES: readonly LogProgress["phase"][] = ["batches", "late", "tail", "done"];

/** Whether a verification that stands at `a` has seen all that one at `b` has. */
export function hasReached(a: LogProgress, b: LogProgress): boolean {
  const [phaseA, phaseB] = [PHASES.indexOf(a.phase), PHASES.indexOf(b.phase)];
  if (phaseA !== phaseB) return phaseA > phaseB;
  if (a.phase === "batches") return compareKeys(a, b) >= 0;
  if (a.phase === "tail") return (a.tail?.at ?? 0) >= (b.tail?.at ?? 0);
  return a.before.size >= b.before.size;
}

/** Keys of one log are ASCII but for what others put there; any order will do that is that of the listing in the usual case. */
function compareKeys(a: LogProgress, b: LogProgress): number {
  const [keyA, keyB] = [a.place?.key ?? "", b.place?.key ?? ""];
  return keyA < keyB ? -1 : keyA > keyB ? 1 : 0;
}
