/** Connections cut while a commit is on its way: the same commit again, until it is known, loses and doubles nothing. */
import assert from "node:assert/strict";
import test from "node:test";
import { LibsqlIndex } from "../../storage/index/index.ts";
import { migrate } from "../../storage/index/migrate.ts";
import { type CommitResult, IndexError, type ChunkCommit } from "../../storage/ports.ts";
import { startSqld, type TestSqld } from "../parts/sqld.ts";
import { startCuttingProxy, type CuttingProxy } from "./cutting-proxy.ts";
import { LogWriter, record } from "./log-writer.ts";

const ROUNDS = 60;
const KILLS = 10;
const CUT_MS_MAX = 8;

test("60 lost answers: never a gap, a fork or a double", async () => {
  const sqld = await startSqld();
  await migrate({ url: sqld.url, authToken: sqld.ddlToken });
  const proxy = await startCuttingProxy(sqld.url);
  try {
    const index = new LibsqlIndex({ url: proxy.url, authToken: sqld.authToken });
    const writers = [new LogWriter("a"), new LogWriter("b")] as const;
    let doubts = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const ids = [record("a", `id-${round}`, writers[0].head.size)];
      const chunks = [writers[0].random(1 + round, ids), writers[1].random(2)];
      // The second try is cut too in every third round.
      const cutsMs = [round % CUT_MS_MAX, ...(round % 3 === 0 ? [round % 5] : [])];
      const [result, failed] = await untilKnown(index, proxy, chunks, cutsMs);
      assert.deepEqual(result, { kind: "committed" });
      doubts += failed;
    }
    proxy.cutAfterMs = null;
    const direct = new LibsqlIndex({ url: sqld.url, authToken: sqld.authToken });
    for (const writer of writers) await writer.check(direct);
    assert.ok(doubts >= ROUNDS / 6, `only ${doubts} answers were lost: the test did not test`);
  } finally {
    await proxy.close();
    await sqld.stop();
  }
});

test(`${KILLS} kills -9 of sqld under a writer: what was acknowledged is there, once`, async () => {
  const sqld = await startSqld();
  try {
    await migrate({ url: sqld.url, authToken: sqld.ddlToken });
    const index = new LibsqlIndex({ url: sqld.url, authToken: sqld.authToken });
    const writer = new LogWriter("killed");
    for (let round = 0; round < KILLS; round++) {
      const state = { killed: false };
      const killed = killSoon(sqld, 20 + round, state);
      while (!state.killed) await commit(index, writer.random(20), killed);
      await killed;
    }
    await writer.check(index);
  } finally {
    await sqld.stop();
  }
});

async function killSoon(
  sqld: TestSqld,
  afterMs: number,
  state: { killed: boolean },
): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  await sqld.kill9();
  state.killed = true;
  await sqld.restart();
}

/** Commits; if the kill comes in between, sends the same again behind it. */
async function commit(
  index: LibsqlIndex,
  chunk: ChunkCommit,
  killed: Promise<void>,
): Promise<void> {
  for (;;) {
    try {
      assert.deepEqual(await index.commit([chunk]), { kind: "committed" });
      return;
    } catch (error) {
      assert.ok(error instanceof IndexError, String(error));
      await killed;
    }
  }
}

/** Sends the same commit until the index says what became of it; how often it did not. */
async function untilKnown(
  index: LibsqlIndex,
  proxy: CuttingProxy,
  chunks: readonly ChunkCommit[],
  cutsMs: number[],
): Promise<[CommitResult, failed: number]> {
  for (let failed = 0; ; failed++) {
    proxy.cutAfterMs = cutsMs.shift() ?? null;
    try {
      return [await index.commit(chunks), failed];
    } catch (error) {
      assert.ok(error instanceof IndexError, String(error));
    }
  }
}
