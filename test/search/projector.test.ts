/** The projector on a real sqld, over an index in memory: it goes on where it was, and begins anew where the past is another. */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import { leafHash, ZERO_HASH } from "../../storage/log/hash.ts";
import { EVERYTHING, type Filter } from "../../storage/log/filter.ts";
import { SearchFinder } from "../../storage/search/find.ts";
import { Projector } from "../../storage/search/projector.ts";
import { openSearch, SearchTables } from "../../storage/search/tables.ts";
import { LogWriter } from "../index/log-writer.ts";
import { MemoryIndex, MemoryStore } from "../index/memory-index.ts";
import { startSqld, type TestSqld } from "../parts/sqld.ts";

let sqld: TestSqld;
before(async () => {
  sqld = await startSqld();
});
after(() => sqld.stop());

const LOG = "demo";
const line = (seq: number, actor: string, prev = ZERO_HASH): string => {
  const event = { action: "a", actor: { id: actor } };
  const time = new Date(seq * 1_000).toISOString();
  const ends = { log: LOG, prev, salt: "A".repeat(22), seq, time, v: 1 };
  return JSON.stringify({ by: "system", event, ...ends });
};

interface Desk {
  readonly tables: SearchTables;
  index: MemoryIndex;
  projector: Projector;
  /** Entries of `actor` that are proposed, oldest first. */
  proposed(actor: string): Promise<number[]>;
  /** Rounds until nothing is behind; the entries that were added. */
  rounds(): Promise<number>;
}

async function open(index: MemoryIndex): Promise<Desk> {
  const connection = openSearch({ url: sqld.url, authToken: sqld.searchToken });
  const tables = new SearchTables(connection);
  const finder = new SearchFinder(connection);
  const desk: Desk = {
    ...{ tables, index },
    projector: null as unknown as Projector,
    async proposed(actor) {
      const log = (await finder.logs([LOG])).get(LOG)!;
      const filter: Filter = { ...EVERYTHING, actor };
      const range = { from: 0, to: log.next };
      const [found] = await finder.propose([{ log, range }], filter, "asc", 1_000);
      return found!.map(({ seq }) => seq);
    },
    async rounds() {
      for (let entries = 0; ;) {
        const round = await desk.projector.round();
        entries += round.entries;
        if (round.behind === 0) return entries;
      }
    },
  };
  desk.projector = projectorOf(desk);
  return desk;
}

function projectorOf(desk: Desk): Projector {
  return new Projector({
    tables: desk.tables,
    index: { chunks: (log, range) => desk.index.chunks(log, range) },
    heads: () => desk.index.heads(),
    pause: async () => {},
  });
}

test("goes on after a restart; begins anew after a roll-back, a replaced index, and on request", async () => {
  const writer = new LogWriter(LOG);
  const store = new MemoryStore();
  const desk = await open(new MemoryIndex(store));
  const grow = async (index: MemoryIndex, on: LogWriter, count: number, actor: string) => {
    const first = on.lines.length;
    let prev = on.head.leaf;
    const lines = Array.from({ length: count }, (_, at) => {
      const text = line(first + at, actor, prev);
      prev = toHex(leafHash(encodeUtf8(text)));
      return text;
    });
    assert.deepEqual(await index.commit([on.chunk(lines)]), { kind: "committed" });
  };
  await grow(desk.index, writer, 300, "ada");
  assert.equal(await desk.rounds(), 300);
  assert.equal((await desk.proposed("ada")).length, 300);

  const old = store.copy();
  const oldWriter = writer.fork();
  await grow(desk.index, writer, 5, "bob");
  desk.projector = projectorOf(desk);
  assert.equal(await desk.rounds(), 5, "only what is new");
  assert.deepEqual(await desk.proposed("bob"), [300, 301, 302, 303, 304]);

  // An old copy of the index, shorter than what the tables have seen.
  desk.index = new MemoryIndex(old);
  assert.equal(await desk.rounds(), 300);
  assert.deepEqual(await desk.proposed("bob"), []);

  // It went on differently, and is longer already when the tables look.
  desk.index = new MemoryIndex(store);
  assert.equal(await desk.rounds(), 5, "the copy was the beginning of this");
  const fork = oldWriter.fork();
  desk.index = new MemoryIndex(old);
  await grow(desk.index, fork, 10, "eve");
  assert.equal(await desk.rounds(), 310);
  assert.deepEqual(
    [(await desk.proposed("bob")).length, (await desk.proposed("eve")).length],
    [0, 10],
  );

  await desk.projector.restart(LOG);
  assert.equal(await desk.rounds(), 310);
  await desk.projector.restart(null);
  assert.equal(await desk.rounds(), 310);
  assert.equal((await desk.proposed("ada")).length, 300);
});

test("tables that are dropped go at once, and their room little by little, also after a restart", async () => {
  const index = new MemoryIndex();
  const writer = new LogWriter(LOG);
  const lines = Array.from({ length: 50 }, (_, seq) => line(seq, "ada"));
  await index.commit([writer.chunk(lines)]);
  const desk = await open(index);
  await desk.rounds();
  await desk.projector.restart(null);
  await desk.projector.restart(null);
  const aside = async (): Promise<number> => {
    const sql = "SELECT count(*) AS n FROM sqlite_schema WHERE name GLOB 'old*'";
    const { rows } = await desk.tables.connection.client.execute(sql);
    return Number(rows[0]!["n"]);
  };
  assert.ok((await aside()) > 8);
  assert.equal(await desk.rounds(), 50);
  assert.equal((await desk.proposed("ada")).length, 50);
  const again = await open(index);
  for (let left = await aside(); left > 0;) {
    await again.projector.round();
    const now = await aside();
    assert.ok(now < left, `${now} of ${left}`);
    left = now;
  }
  assert.equal((await desk.proposed("ada")).length, 50);
});

test("two writers of the tables: one goes on, the other reads again", async () => {
  const index = new MemoryIndex();
  const writer = new LogWriter(LOG);
  await index.commit([writer.chunk([line(0, "ada"), line(1, "ada")])]);
  const one = await open(index);
  const other = await open(index);
  await one.projector.restart(null);
  await one.rounds();
  await other.rounds();
  await index.commit([writer.chunk([line(2, "ada", writer.head.leaf)])]);
  const both = await Promise.allSettled([one.projector.round(), other.projector.round()]);
  assert.ok(both.some(({ status }) => status === "fulfilled"));
  await other.rounds();
  assert.deepEqual(await one.proposed("ada"), [0, 1, 2]);
});

test("a log that is gone from the index is forgotten, and lines that are none are passed over", async () => {
  const desk = await open(new MemoryIndex());
  await desk.projector.restart(null);
  const writer = new LogWriter(LOG);
  await desk.index.commit([writer.chunk([line(0, "ada"), "no line", line(2, "ada")])]);
  await desk.rounds();
  assert.deepEqual(await desk.proposed("ada"), [0, 2]);
  desk.index = new MemoryIndex();
  await desk.rounds();
  assert.deepEqual([...(await desk.tables.logs()).keys()], []);
});
