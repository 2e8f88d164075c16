/**
 * Whether records of ids are true before somebody is told that his event is there already: who writes to the index can put a
 * record beside the entries, and an event that is never recorded would be acknowledged. The line says what the event was.
 */
import { encodeUtf8, toHex } from "../log/bytes.ts";
import { decodeLine } from "../log/entry.ts";
import { LogError } from "../log/errors.ts";
import { newFinding, type Finding } from "../log/findings.ts";
import type { Sha256 } from "../log/hash.ts";
import type { EventRecord, Index } from "../ports.ts";
import { readLines, type IndexLine } from "./read-lines.ts";

/** Records whose entries lie no further apart are read together: a batch that is sent again is one piece. */
const NEAR_ENTRIES = 100;

/** Those for which there is no such line. Throws IndexError. */
export async function falseRecords(
  index: Index,
  sha256: Sha256,
  records: readonly EventRecord[],
): Promise<EventRecord[]> {
  const wrong: EventRecord[] = [];
  for (const near of runsOf(records)) {
    const [{ log, seq: from }, { seq: last }] = [near[0]!, near.at(-1)!];
    const lines = new Map<number, IndexLine>();
    const wanted = new Set(near.map(({ seq }) => seq));
    for await (const line of readLines(index, log, from, last + 1, sha256)) {
      if (wanted.has(line.seq)) lines.set(line.seq, line);
    }
    wrong.push(...near.filter((record) => !isOf(record, lines.get(record.seq), sha256)));
  }
  return wrong;
}

export function falseRecordFinding({ log, seq, id }: EventRecord): Finding {
  const place = { log, first: seq, object: "table event_id" };
  const expected = `an entry with the id ${JSON.stringify(id)}`;
  return newFinding("entry_altered", place, expected, "another one, or none");
}

function isOf(record: EventRecord, line: IndexLine | undefined, sha256: Sha256): boolean {
  if (line === undefined || toHex(line.leaf) !== record.hash) return false;
  try {
    const { by, id, event } = decodeLine(line.text);
    return (
      by === record.by && id === record.id && toHex(sha256(encodeUtf8(event))) === record.digest
    );
  } catch (error) {
    if (error instanceof LogError) return false;
    throw error;
  }
}

/** Of one log each, by seq. */
function runsOf(records: readonly EventRecord[]): EventRecord[][] {
  const runs: EventRecord[][] = [];
  const before = (a: EventRecord, b: EventRecord) =>
    a.log === b.log ? a.seq - b.seq : a.log < b.log ? -1 : 1;
  for (const record of [...records].sort(before)) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    const near = last?.log === record.log && record.seq - last.seq <= NEAR_ENTRIES;
    if (near) run!.push(record);
    else runs.push([record]);
  }
  return runs;
}
