/** One entry with all that proves it, fetched and then checked here: nothing of it is shown that was not hashed. */
import type { EntryItem, LogItem } from "../state/answers.ts";
import { ApiProblem, getJson, getLines, getText, logPath } from "../state/api.ts";
import { useLoad, type Loaded } from "../state/load.ts";
import { memoryOf } from "../state/remembered.ts";
import { verifyEntry } from "../state/verifier.ts";
import type { EntryVerdict } from "../verify/entry-check.ts";

export interface EntryProof {
  /** The exact line. */
  readonly line: string;
  /** That line, parsed: what is shown is what was hashed. */
  readonly entry: EntryItem["entry"];
  readonly receipt: string;
  readonly verdict: EntryVerdict;
  /** True where no key was known before this visit. */
  readonly isFirstUse: boolean;
}

export function useProof(log: string, seq: number): Loaded<EntryProof> {
  return useLoad(`${log}/${seq}`, (signal) => proofOf(log, seq, signal));
}

async function proofOf(log: string, seq: number, signal: AbortSignal): Promise<EntryProof> {
  const base = logPath(log);
  const path = `${base}/entries/${seq}`;
  const [[line], item, receipt, facts] = await Promise.all([
    getLines(path, signal),
    getJson<EntryItem>(path, signal),
    getText(`${path}/proof`, signal),
    getJson<LogItem>(base, signal),
  ]);
  if (line === undefined) throw new ApiProblem(200, "unreadable", "the server gave no line");
  const known = memoryOf(log)?.vkeys ?? [];
  const verdict = await verifyEntry({
    ...{ line, receipt, receiptVkey: facts.receipt_vkey },
    vkeys: known.length > 0 ? known : [facts.vkey],
    said: { seq, log, leaf: item.hash },
  });
  const entry = JSON.parse(line) as EntryItem["entry"];
  return { line, entry, receipt, verdict, isFirstUse: known.length === 0 };
}
