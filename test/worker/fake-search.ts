/** Search parts over an index in memory: proposals by a naive scan of all lines, up to the last of them. */
import { HASH_BYTES } from "../../storage/log/hash.ts";
import { matches, searchedOf, type Filter } from "../../storage/log/filter.ts";
import type { Index } from "../../storage/ports.ts";
import type { SeqRange } from "../../storage/search/find.ts";
import type { SearchLog } from "../../storage/search/tables.ts";
import type { SearchParts } from "../../worker/search/parts.ts";

const NO_TOP = { action: [], actor: [], target: [], outcome: [] };
const ALL = { from: 0, to: Number.MAX_SAFE_INTEGER, bytesMax: 8_000_000 };

export function fakeSearch(index: Index): SearchParts {
  const chunksOf = (log: string) => index.chunks(log, ALL);
  const linesOf = async (log: string): Promise<string[]> =>
    (await chunksOf(log)).flatMap(({ lines }) => lines.split("\n"));
  const hits = async (log: SearchLog, filter: Filter, { from, to }: SeqRange) => {
    const timeless = { ...filter, sinceMs: null, untilMs: null };
    return (await linesOf(log.name)).flatMap((line, seq) => {
      const searched = searchedOf(line)!;
      const isHit = seq >= from && seq < to && matches(timeless, searched);
      return isHit ? [{ seq, timeMs: searched.timeMs }] : [];
    });
  };
  const seqsAt = async (log: SearchLog, timesMs: readonly number[]): Promise<number[]> => {
    const times = (await linesOf(log.name)).map((line) => searchedOf(line)!.timeMs);
    return timesMs.map((timeMs) => times.filter((time) => time < timeMs).length);
  };
  return {
    keeper: {
      poke: async () => {},
      catchUp: async () => true,
      restart: async () => {},
      status: async () => ({ logs: [], problem: null }),
    },
    finder: {
      async logs(names) {
        const logs = await Promise.all(
          names.map(async (name, number): Promise<SearchLog> => {
            const next = (await linesOf(name)).length;
            return { name, number, next, leaf: "", untallied: [], runs: 0 };
          }),
        );
        return new Map(logs.map((log) => [log.name, log]));
      },
      seqsAt,
      async span(log) {
        const times = (await linesOf(log.name)).map((line) => searchedOf(line)!.timeMs);
        return times.length === 0 ? null : { firstMs: times[0]!, lastMs: times.at(-1)! };
      },
      async within(log, { sinceMs, untilMs }, range) {
        const [from, to] = await seqsAt(log, [sinceMs ?? 0, untilMs ?? Infinity]);
        return { from: Math.max(range.from, from!), to: Math.min(range.to, to!) };
      },
      propose: (wanted, filter, order, limit) =>
        Promise.all(
          wanted.map(async ({ log, range }) => {
            const found = await hits(log, filter, range);
            if (order === "desc") found.reverse();
            return found.slice(0, limit);
          }),
        ),
      async lines(log, seqs) {
        const lines = await linesOf(log.name);
        return new Map(seqs.map((seq) => [seq, lines[seq]!]));
      },
    },
    counter: {
      async count(log, filter, { seqs }) {
        const found = await hits(log, filter, { from: 0, to: log.next });
        const bins = seqs.slice(1).map((to, at) => {
          return found.filter(({ seq }) => seq >= seqs[at]! && seq < to).length;
        });
        return { bins, top: NO_TOP };
      },
    },
    async leaves(log, seqs) {
      const all = (await chunksOf(log)).flatMap(({ leaves, count }) =>
        Array.from({ length: count }, (_, at) =>
          leaves.subarray(at * HASH_BYTES, (at + 1) * HASH_BYTES),
        ),
      );
      return new Map(seqs.map((seq) => [seq, { leaf: all[seq]!, prev: all[seq - 1] ?? null }]));
    },
  };
}
