/** What every Index must do (`ports.ts`): run against the memory stand-in and against a real sqld. */
import assert from "node:assert/strict";
import test from "node:test";
import { ZERO_HASH } from "../../storage/log/hash.ts";
import { type CommitResult, type Index, IndexError } from "../../storage/ports.ts";
import { LogWriter, readAll, record, sealRow, time } from "./log-writer.ts";

const COMMITTED: CommitResult = { kind: "committed" };
let logs = 0;

/** `open` gives an index on a database that may hold other logs already. */
export function indexContract(name: string, open: () => Index): void {
  const it = (title: string, run: (index: Index, newLog: () => LogWriter) => Promise<void>) => {
    void test(`${name}: ${title}`, () => run(open(), () => new LogWriter(`contract-${logs++}`)));
  };

  it("keeps commits of several logs and sizes, and their heads", async (index, newLog) => {
    const [a, b] = [newLog(), newLog()];
    assert.deepEqual(await index.commit([a.random(1), b.random(300)]), COMMITTED);
    assert.deepEqual(await index.commit([b.random(1)]), COMMITTED);
    for (let size = 1; size < 40; size++)
      assert.deepEqual(await index.commit([a.random(size)]), COMMITTED);
    await a.check(index);
    await b.check(index);
  });

  it("takes several chunks of one log in one commit", async (index, newLog) => {
    const [a, b] = [newLog(), newLog()];
    assert.deepEqual(await index.commit([a.random(3), b.random(2), a.random(4)]), COMMITTED);
    assert.deepEqual(await index.commit([a.random(255), a.random(257)]), COMMITTED);
    await a.check(index);
    await b.check(index);
  });

  it("commits all logs or none, and names those that moved", async (index, newLog) => {
    const [a, b, c] = [newLog(), newLog(), newLog()];
    await index.commit([a.random(2), b.random(2)]);
    const [stale, ahead] = [a.fork(), c.fork()];
    await index.commit([a.random(1)]);
    ahead.random(5);
    const chunks = [b.fork().random(1), stale.random(1), ahead.random(1)];
    assert.deepEqual(await index.commit(chunks), { kind: "moved", logs: [a.log, c.log] });
    for (const log of [a, b, c]) await log.check(index);
  });

  it("compares the leaf too, not only the size", async (index, newLog) => {
    const a = newLog();
    const other = a.fork();
    await index.commit([a.random(2)]);
    other.random(2);
    assert.deepEqual(await index.commit([other.random(1)]), { kind: "moved", logs: [a.log] });
    assert.deepEqual(await index.commit([other.random(1)]), { kind: "moved", logs: [a.log] });
    await a.check(index);
  });

  it("refuses a second first commit", async (index, newLog) => {
    const a = newLog();
    const other = a.fork();
    await index.commit([a.random(1)]);
    assert.deepEqual(await index.commit([other.random(1)]), { kind: "moved", logs: [a.log] });
    await a.check(index);
  });

  it("refuses a log that does not begin at 0", async (index, newLog) => {
    const a = newLog();
    const ahead = a.fork();
    ahead.random(3);
    assert.deepEqual(await index.commit([ahead.random(1)]), { kind: "moved", logs: [a.log] });
    await a.check(index);
  });

  it("answers the same commit again, also when others came after it", async (index, newLog) => {
    const [a, b] = [newLog(), newLog()];
    const chunks = [a.random(2, [record(a.log, "x", 0)]), b.random(1), a.random(1)];
    for (let round = 0; round < 3; round++) assert.deepEqual(await index.commit(chunks), COMMITTED);
    await index.commit([a.random(4)]);
    assert.deepEqual(await index.commit(chunks), COMMITTED);
    await a.check(index);
    await b.check(index);
  });

  it("refuses a commit whose id is taken, whole", async (index, newLog) => {
    const [a, b] = [newLog(), newLog()];
    await index.commit([a.random(1, [record(a.log, "x", 0)])]);
    const chunks = [
      b.fork().random(1, [record(b.log, "x", 0)]),
      a.fork().random(1, [record(a.log, "x", 1)]),
    ];
    assert.deepEqual(await index.commit(chunks), { kind: "moved", logs: [a.log] });
    assert.deepEqual(await index.events([record(b.log, "x", 0)]), [null]);
    await a.check(index);
    await b.check(index);
  });

  it("refuses an id that is twice in a commit, with nothing written", async (index, newLog) => {
    const a = newLog();
    const ids = [record(a.log, "x", 0), record(a.log, "x", 1)];
    await assert.rejects(index.commit([a.fork().random(2, ids)]), { outcome: "nothing" });
    await a.check(index);
  });

  it("throws for commits that contradict themselves", async (index, newLog) => {
    const a = newLog();
    const chunk = a.fork().random(2);
    const broken = [
      { ...chunk, count: 3 },
      { ...chunk, first: 1 },
      { ...chunk, lines: `${chunk.lines}\n{}` },
      { ...chunk, leaves: chunk.leaves.slice(32) },
      { ...chunk, after: { ...chunk.after, leaf: ZERO_HASH } },
      { ...chunk, before: { ...chunk.before, size: 1 } },
    ];
    for (const commit of broken) await assert.rejects(index.commit([commit]));
    await assert.rejects(index.commit([chunk, chunk]));
    await assert.rejects(index.commit([]));
    await a.check(index);
  });

  it("keeps every byte of the lines", async (index, newLog) => {
    const a = newLog();
    const texts = [
      ...[
        `{"a":"\u2028\u2029 \\u0000 \\n \\" ' '' ; -- /* */ ?1 :x @y $z"}`,
        "{}",
        " ",
        '"'.repeat(5000),
      ],
      ...[
        "\u{1f600}\u{10ffff}\ue000\ufeff é e\u0301 \u007f\u0080\t\r",
        "\\".repeat(4999),
        "\ufeff",
        "NULL",
      ],
    ];
    await index.commit([a.chunk(texts)]);
    for (const text of texts) await index.commit([a.chunk([text])]);
    await a.check(index);
  });

  it("reads chunks of a range in both orders, bounded by bytes", async (index, newLog) => {
    const a = newLog();
    for (const count of [3, 1, 5, 2]) await index.commit([a.random(count)]); // first 0 3 4 9, size 11
    await index.commit([newLog().random(20)]);
    const firsts = async (from: number, to: number, more: object = {}) =>
      (await index.chunks(a.log, { from, to, ...more })).map((chunk) => chunk.first);
    const starts = [0, 3, 4, 9, 11];
    for (let from = 0; from <= 12; from++) {
      for (let to = from; to <= 13; to++) {
        const want = starts
          .slice(0, 4)
          .filter((first, at) => from < to && first < to && starts[at + 1]! > from);
        assert.deepEqual(await firsts(from, to), want, `${from}–${to}`);
        assert.deepEqual(await firsts(from, to, { order: "desc" }), want.toReversed());
      }
    }
    assert.deepEqual(await firsts(1, 11, { bytesMax: 1 }), [0]);
    assert.deepEqual(await firsts(1, 11, { bytesMax: 1, order: "desc" }), [9]);
    const bytes = [3, 1, 5, 2].map((count) => 48 * count - 1); // each line has 47 bytes and a newline
    const [one, two] = [bytes[0]! + bytes[1]!, bytes[0]! + bytes[1]! + bytes[2]!];
    assert.deepEqual(await firsts(0, 11, { bytesMax: one }), [0, 3]);
    assert.deepEqual(await firsts(0, 11, { bytesMax: two - 1 }), [0, 3]);
    assert.deepEqual(await firsts(0, 11, { bytesMax: two }), [0, 3, 4]);
    assert.deepEqual(
      await firsts(0, 11, { bytesMax: bytes[3]! + bytes[2]!, order: "desc" }),
      [9, 4],
    );
    assert.deepEqual(await index.chunks("nobody", { from: 0, to: 5 }), []);
  });

  it("gives tiles over chunk borders, and no tile that is not whole", async (index, newLog) => {
    const a = newLog();
    const chunks = [1, 254, 3, 700, 42].map((count) => a.random(count));
    await index.commit(chunks);
    const leaves = Buffer.concat(chunks.map((chunk) => chunk.leaves));
    const tiles = index.tiles(a.log);
    for (const [at, width] of [
      [0, 256],
      [0, 1],
      [1, 256],
      [2, 255],
      [3, 232],
      [3, 1],
    ] as const) {
      const hashes = await tiles(0, at, width);
      assert.equal(hashes.length, width);
      assert.ok(Buffer.concat(hashes).equals(leaves.subarray(8192 * at, 8192 * at + 32 * width)));
    }
    assert.deepEqual(
      await tiles(1, 0, 3),
      chunks.flatMap((chunk) => chunk.nodes.map((node) => node.hash)),
    );
    for (const [level, at, width] of [
      [0, 3, 233],
      [0, 4, 1],
      [1, 0, 4],
      [2, 0, 1],
    ] as const) {
      await assert.rejects(tiles(level, at, width), IndexError);
    }
    await a.check(index);
  });

  it("finds records of ids, and forgets old ones", async (index, newLog) => {
    const a = newLog();
    const ids = [`x"'\\ü\u{1f600}`, "y", "z"].map((id, at) => record(a.log, id, at));
    await index.commit([a.random(3, ids)]);
    const keys = [ids[2]!, { ...ids[0]!, by: "other" }, ids[0]!, ids[0]!, { ...ids[1]!, log: "n" }];
    assert.deepEqual(await index.events(keys), [ids[2], null, ids[0], ids[0], null]);
    assert.deepEqual(await index.events([]), []);
    await index.forgetEvents(time(2));
    assert.deepEqual(await index.events(ids), [null, null, ids[2]]);
    assert.deepEqual(await index.commit([a.random(1, [record(a.log, "y", 3)])]), COMMITTED);
    assert.equal((await index.events([ids[1]!]))[0]?.seq, 3);
  });

  it("keeps seals, takes the same again, refuses another", async (index, newLog) => {
    const { log } = newLog();
    const rows = [0, 5, 9].map((first) => sealRow(log, first));
    for (const row of [rows[1]!, rows[0]!, rows[2]!, rows[1]!]) await index.addSeal(row);
    for (const change of [{ versionId: "w" }, { count: 6 }, { retainUntil: time(1) }]) {
      await assert.rejects(index.addSeal({ ...rows[1]!, ...change }), { outcome: "nothing" });
    }
    const seals = (from: number, limit: number, order: "asc" | "desc") =>
      index.seals(log, { from, limit, order });
    assert.deepEqual(await seals(0, 10, "asc"), rows);
    assert.deepEqual(await seals(1, 1, "asc"), [rows[1]]);
    assert.deepEqual(await seals(8, 10, "desc"), [rows[1], rows[0]]);
    assert.deepEqual(await seals(Number.MAX_SAFE_INTEGER, 1, "desc"), [rows[2]]);
    assert.deepEqual(await index.seals("nobody", { from: 0, limit: 1, order: "asc" }), []);
  });

  it("lets many writers race without a gap or a fork", async (index, newLog) => {
    const { log } = newLog();
    const writers = [open(), open()];
    const won = await Promise.all(writers.map((writer, at) => race(writer, log, at)));
    const lines = (await readAll(index, log)).flatMap((chunk) => chunk.lines.split("\n"));
    assert.deepEqual(lines.toSorted(), won.flat().toSorted());
    const replay = new LogWriter(log);
    replay.chunk(lines);
    await replay.check(index);
  });
}

/** Appends 20 times, on what it finds each time; returns the lines that it was told are committed. */
async function race(index: Index, log: string, name: number): Promise<string[]> {
  const won: string[] = [];
  while (won.length < 20) {
    const writer = new LogWriter(log);
    const lines = (await readAll(index, log)).flatMap((chunk) => chunk.lines.split("\n"));
    if (lines.length > 0) writer.chunk(lines);
    const line = `{"n":${won.length},"writer":${name}}`;
    if ((await index.commit([writer.chunk([line])])).kind === "committed") won.push(line);
  }
  return won;
}
