/**
 * Seals a log (PROTOCOL §3): from the head the ledger vouches for, through write-once slots of the vault, to
 * ★ commit 2. What is put was hashed again from the lines and met the ledger's root first.
 */
import type { Finding } from "../log/findings.ts";
import type { IndexHead, SealRow } from "../ports.ts";
import { sealBatch } from "./seal-batch.ts";
import { changedMeanwhile, cutBatches, rereadLines } from "./seal-cut.ts";
import {
  sealedHeadOf,
  type LogState,
  type Parts,
  type SealedHead,
  type Settings,
} from "./state.ts";

export interface SealOptions {
  /** What the log promises now; asked for each batch, after its last entry was committed. */
  retentionDays(): number;
  /** Resolves when the memo on disk holds at least the head as it is now. */
  flushed(): Promise<void>;
  /** Called after each commit 2. */
  sealed(row: SealRow): void;
}

export type SealOutcome =
  | { readonly kind: "sealed" }
  /** The lines are not what the ledger committed: nothing more was put. */
  | { readonly kind: "altered"; readonly finding: Finding }
  /** The slot holds a valid batch with other lines, or lines beyond ours. */
  | { readonly kind: "taken" };

/** Seals everything up to the head as it is now. Throws VaultError and IndexError for what may be over later. */
export async function sealLog(
  parts: Parts,
  settings: Settings,
  state: LogState,
  options: SealOptions,
): Promise<SealOutcome> {
  const wanted = state.head.size;
  let { sealed } = state;
  while (sealed.size < wanted) {
    // A head on the way that the ledger remembers makes one batch, whose lines are then read once.
    const { size } = sealed;
    const head = state.marks.find((mark) => mark.size > size) ?? state.head;
    const outcome = await sealUpTo(parts, settings, { log: state.name, sealed, head }, options);
    if (outcome.kind !== "sealed") return outcome;
    sealed = outcome.sealed;
  }
  return { kind: "sealed" };
}

interface Stretch {
  readonly log: string;
  readonly sealed: SealedHead;
  readonly head: IndexHead;
}

async function sealUpTo(
  parts: Parts,
  settings: Settings,
  { log, sealed, head }: Stretch,
  options: SealOptions,
): Promise<Exclude<SealOutcome, { kind: "sealed" }> | { kind: "sealed"; sealed: SealedHead }> {
  const cuts = await cutBatches(parts, settings, log, sealed, head);
  if ("code" in cuts) return { kind: "altered", finding: cuts };
  // An honest memo is never behind the vault: what follows can be told from a restored old index.
  await options.flushed();
  let last = sealed;
  for (const cut of cuts) {
    const begunMs = parts.clock.nowMs();
    const lines = cut.lines ?? (await rereadLines(parts, log, last, cut));
    if (lines === null) return { kind: "altered", finding: changedMeanwhile(log, cut) };
    const row = await sealBatch(parts, settings, log, last, cut, lines, options);
    if (row === "taken") return { kind: "taken" };
    options.sealed(row);
    const { first, count: entries, bytes } = row;
    parts.observer?.sealed({ log, first, entries, bytes, ms: parts.clock.nowMs() - begunMs });
    last = sealedHeadOf(row);
    // A shorter batch was adopted: the cuts no longer fit.
    if (last.size !== cut.after.size) break;
  }
  return { kind: "sealed", sealed: last };
}
