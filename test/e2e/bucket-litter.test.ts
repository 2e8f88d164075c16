/**
 * Somebody has the worker's storage key and litters the bucket of a running instance: what is sealed is
 * served all the same, sealing goes on, also after a start, and the verifier names every piece.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { slotName } from "../../storage/log/batch.ts";
import { S3Client } from "../../storage/vault/client.ts";
import { MinioVault } from "../../storage/vault/vault.ts";
import { startInstance } from "../parts/instance.ts";
import { call, readWholeLog } from "./client.ts";
import { verify } from "./command.ts";
import { listSeals, sealNow } from "./sealing.ts";
import { workerVault } from "./store.ts";

const LOG = "demo";
const EVENT = '{"action":"invoice.paid","actor":{"id":"alice"}}';
const GARBAGE = Buffer.from("no batch at all");

test("garbage on top, in the next slot, poisoned and without a name: served, sealed on, named", async (t) => {
  const instance = await startInstance({ env: { INDELIBLE_SEAL_SECONDS: "600" } });
  t.after(() => instance.stop());
  const token = instance.tokens.demo;
  const append = async () => {
    const path = `/v1/logs/${LOG}/entries`;
    assert.equal((await call(instance.url, path, { token, body: EVENT })).status, 201);
    return sealNow(instance.url, LOG, token);
  };
  const sealed = await append();
  assert.ok(sealed);

  const config = workerVault(instance.dataDir);
  const vault = new MinioVault(config);
  const put = async (key: string) => {
    const retainUntilMs = Date.now() + 86_400_000;
    const outcome = await vault.put(key, GARBAGE, { retainUntilMs, ifAbsent: false });
    assert.equal(outcome.kind, "put", key);
  };
  await put(sealed.key);
  await put(slotName(LOG, 1));
  await put(`${LOG}/notes.txt`);
  const poisoned = await new S3Client(config).send({
    method: "PUT",
    key: slotName(LOG, 2),
    body: GARBAGE,
    headers: { "x-minio-replication-server-side-encryption-sealed-key": "AAAA" },
  });
  assert.equal(poisoned.status, 200);

  const object = await call(instance.url, `/v1/logs/${LOG}/seals/0`, { token });
  assert.equal(object.status, 200);
  assert.equal((await readWholeLog(instance.url, LOG, token)).lines.length, 1);
  for (const what of ["garbage in the slot", "poison in the slot", "nothing in the slot"]) {
    assert.ok(await append(), what);
  }
  await instance.restart();
  assert.ok(await append());
  const seals = await listSeals(instance.url, LOG, token);
  assert.deepEqual(
    seals.map(({ first }) => first),
    [0, 1, 2, 3, 4],
  );
  const { code, findings } = await verify(instance.dataDir);
  assert.equal(code, 1);
  const named = findings.map(({ code: word, object: key }) => `${word} ${key ?? ""}`).sort();
  assert.deepEqual(named, [
    `extra_version ${sealed.key}`,
    `extra_version ${slotName(LOG, 1)}`,
    `extra_version ${slotName(LOG, 2)}`,
    `extra_version ${LOG}/notes.txt`,
  ]);
});
