/**
 * The comparison at the start of a log (PROTOCOL §4), as a pure function from what was found to what follows.
 * I is the index's head, V the head of the vault's last valid batch, S that of the last seal row,
 * M the memo's. Frozen is never stored: it follows from this comparison each time.
 */
import type { Head } from "../log/hash.ts";
import type { FindingCode } from "../log/findings.ts";

export interface Facts {
  readonly index: Head;
  readonly vault: Head;
  readonly sealed: Head;
  /** null: there is no memo (a new folder), or a `log.recovered` entry retired what it said of this log. */
  readonly memo: Head | null;
  /** A `log.recovered` entry that is not under lock yet says why there is no memo: no second notice of it. */
  readonly memoRetired: boolean;
  /** What is wrong with the vault's newest batch, if anything is. */
  readonly newestBatch: "valid" | "batch_unreadable" | "batch_altered" | "batch_missing" | "fork";
  /** Whether the leaf at the end of `chain` stands in its place in `other`; asked only where other is long enough. */
  holds(other: "index" | "vault", chain: Head): boolean;
}

export type Verdict =
  /** `bringUp`: the index lacks what the vault has. `unproven`: what was promised beyond cannot be known. */
  | {
      readonly kind: "open";
      readonly bringUp: boolean;
      readonly unproven: "no" | "noted" | "recovered";
      /** The vault's batches beyond S get their seal rows: a crash came before commit 2. */
      readonly adopt: boolean;
      readonly sealing: boolean;
    }
  | { readonly kind: "frozen"; readonly finding: FindingCode };

export function compare(facts: Facts): Verdict {
  const { index, vault, sealed, memo } = facts;
  if (facts.newestBatch !== "valid") return frozen(facts.newestBatch);
  const indexBeyond = index.size >= vault.size;
  if (indexBeyond ? !facts.holds("index", vault) : !facts.holds("vault", index)) {
    return frozen("fork");
  }
  const sizeMax = Math.max(index.size, vault.size);
  if (memo !== null) {
    if (memo.size > sizeMax) return frozen("index_behind");
    const chain = memo.size <= index.size ? "index" : "vault";
    if (!facts.holds(chain, memo)) return frozen("entry_altered");
  }
  const memoBehind = memo === null || memo.size < vault.size;
  const open = { kind: "open", sealing: sealed.size <= vault.size } as const;
  if (!indexBeyond) {
    return { ...open, bringUp: true, adopt: true, unproven: memoBehind ? "recovered" : "no" };
  }
  const anything = index.size > 0 || vault.size > 0;
  return {
    ...open,
    bringUp: false,
    adopt: sealed.size < vault.size,
    unproven: memoBehind && anything && !facts.memoRetired ? "noted" : "no",
  };
}

function frozen(finding: FindingCode): Verdict {
  return { kind: "frozen", finding };
}
