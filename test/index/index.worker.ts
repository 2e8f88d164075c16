/** Runs inside workerd (`workerd.test.ts`): the adapter as the worker uses it, against a real sqld. */
import assert from "node:assert/strict";
import { checkIndex } from "../../storage/index/health.ts";
import { LibsqlIndex } from "../../storage/index/index.ts";
import { LogWriter, record, sealRow, time } from "./log-writer.ts";

interface Env {
  readonly URL: string;
  readonly TOKEN: string;
  /** An address at which nobody listens. */
  readonly NOBODY: string;
}

export default {
  async test(_: unknown, env: Env): Promise<void> {
    const index = new LibsqlIndex({ url: env.URL, authToken: env.TOKEN });
    const [a, b] = [new LogWriter("a"), new LogWriter("b")];
    const ids = [record("a", "é\u2028", 0)];
    const chunks = [a.random(300, ids), b.chunk(['{"x":"\u{1f600}\u2028 \\u0000"}'])];
    assert.deepEqual(await index.commit(chunks), { kind: "committed" });
    assert.deepEqual(await index.commit(chunks), { kind: "committed" });
    const stale = new LogWriter("b");
    assert.deepEqual(await index.commit([stale.random(1)]), { kind: "moved", logs: ["b"] });
    await a.check(index);
    await b.check(index);
    assert.deepEqual(await index.events(ids), ids);
    await index.forgetEvents(time(1));
    assert.deepEqual(await index.events(ids), [null]);
    await index.addSeal(sealRow("a", 0));
    await index.addSeal(sealRow("a", 0));
    const seals = await index.seals("a", { from: 0, limit: 5, order: "desc" });
    assert.deepEqual(seals, [sealRow("a", 0)]);
    assert.deepEqual(await checkIndex(index), { ok: true, problems: [] });

    const nobody = new LibsqlIndex({ url: env.NOBODY, authToken: env.TOKEN });
    await assert.rejects(nobody.commit([a.random(1)]), { code: "index_unavailable" });
    console.log("the index works in workerd");
  },
};
