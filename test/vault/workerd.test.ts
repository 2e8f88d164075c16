/** The MinIO vault and its lock self-test inside real workerd. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import test, { after, before } from "node:test";
import { startMinio } from "../parts/minio.ts";
import type { TestMinio } from "../parts/minio.ts";
import { isVaultError, untilServing, vaultContract } from "./contract.ts";
import { startVaultWorkerd } from "./workerd-vault.ts";
import type { TestWorkerd } from "./workerd-vault.ts";

/** Several calls that wait for an answer to its limit (`ANSWER_MS_MAX`, 15 s each) take longer. */
const AT_ONCE_MS_MAX = 12_000;

let minio: TestMinio;
let workerd: TestWorkerd;
before(async () => {
  [minio, workerd] = await Promise.all([startMinio(), startVaultWorkerd()]);
});
after(() => Promise.all([minio.stop(), workerd.stop()]));

vaultContract("workerd", () => workerd.vault({ ...minio, ...minio.worker }));

test("workerd: the lock self-test passes all 19 checks with the worker's key", async () => {
  const { ok, checks } = await workerd.selfTest({ ...minio, ...minio.worker });
  assert.ok(ok);
  assert.deepEqual(
    checks.filter((check) => !check.ok),
    [],
  );
  assert.equal(checks.length, 19);
});

test("workerd: a store that went away is unreachable, at once, and can be used when it is back", async () => {
  const vault = workerd.vault({ ...minio, ...minio.worker });
  const options = { retainUntilMs: Date.now() + 3_600_000, ifAbsent: true };
  await minio.kill9();
  const started = performance.now();
  // workerd does not tell a closed port from a lost connection, so the outcome of a PUT is unknown.
  await assert.rejects(
    vault.put("demo/x", Buffer.from("x"), options),
    isVaultError("vault_unreachable", "unknown"),
  );
  await assert.rejects(vault.prefixes(), isVaultError("vault_unreachable"));
  await assert.rejects(vault.get("demo/x", "v"), isVaultError("vault_unreachable"));
  assert.ok(performance.now() - started < AT_ONCE_MS_MAX);
  await minio.restart();
  await untilServing(vault);
  assert.ok((await vault.put("demo/x", Buffer.from("x"), options)).kind === "put");
});

test("workerd: a store that is silent is given up", async () => {
  const silent = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const endpoint = `http://127.0.0.1:${port}`;
  const vault = workerd.vault({ ...minio, ...minio.worker, endpoint, answerMsMax: 200 });
  const options = { retainUntilMs: Date.now() + 3_600_000, ifAbsent: true };
  const started = performance.now();
  await assert.rejects(
    vault.put("demo/y", Buffer.from("y"), options),
    isVaultError("vault_unreachable", "unknown"),
  );
  await assert.rejects(vault.nowMs(), isVaultError("vault_unreachable"));
  assert.ok(performance.now() - started < AT_ONCE_MS_MAX);
  silent.close();
});
