/**
 * `npm run guard` beside a real instance, with the auditor's credentials and verifier keys: what somebody does to bucket and
 * database is told with its place; restarts of the instance are not.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import test from "node:test";
import { MinioVault } from "../../storage/vault/vault.ts";
import { startInstance } from "../parts/instance.ts";
import { startVerb } from "../parts/verb.ts";
import { temporaryFolder } from "../verify/check.ts";
import { call } from "./client.ts";
import { editLine } from "../../scripts/tamper-demo/index-file.ts";
import { sealNow } from "./sealing.ts";
import { workerVault } from "./store.ts";
import { until } from "./until.ts";

const EVENT = '{"action":"invoice.paid","actor":{"id":"alice"}}';

test("a guard beside an instance: tampering is told with its place, a restart is not", async (t) => {
  const instance = await startInstance({ env: { INDELIBLE_SEAL_SECONDS: "600" } });
  t.after(() => instance.stop());
  const { dataDir, tokens } = instance;
  const state = join(await temporaryFolder(t), "state");
  for (let n = 0; n < 2; n += 1) {
    const path = "/v1/logs/demo/entries";
    const { status } = await call(instance.url, path, { token: tokens.demo, body: EVENT });
    assert.equal(status, 201);
  }
  const sealed = await sealNow(instance.url, "demo", tokens.demo);

  const words = ["--state", state, "--every", "5", "--instance", instance.url];
  const guard = startGuard(dataDir, words);
  await until("a pass is over", () => /^pass 1: .* nothing is open$/m.test(guard.output()));

  const vault = new MinioVault(workerVault(dataDir));
  const options = { retainUntilMs: Date.now() + 86_400_000, ifAbsent: false };
  await vault.put(sealed!.key, Buffer.from("garbage"), options);
  const extra = /Found: extra_version in demo, entry 0$[^]*Object +demo\/0{16}\.jsonl\.gz$/m;
  await until("the version on top is told", () => extra.test(guard.output()));

  await instance.signal("SIGTERM");
  editLine(instance.databaseFile, "demo", 1, "alice", "malice");
  await instance.restart();
  const altered = /Found: entry_altered in demo, entry 1$/m;
  await until("the edited line is told", () => altered.test(guard.output()));
  assert.equal(guard.output().match(/Found: /g)?.length, 2, guard.output());

  guard.stop();
  assert.equal(await guard.ended, 0);
  const once = startGuard(dataDir, ["--state", state, "--once"]);
  assert.equal(await once.ended, 1, once.output());
  assert.match(once.output(), /findings open: 2/);
  assert.doesNotMatch(once.output(), /Found: /, "told already");
});

function startGuard(dataDir: string, words: readonly string[]) {
  return startVerb("guard", words, { INDELIBLE_DATA: dataDir });
}
