/**
 * The lock self-test goes on while the instance runs: a store whose lock somebody opened is found within the interval, nothing
 * more is sealed into it, and sealing goes on once it holds again. With an administrator's key the same is asked of him.
 */
import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { startOpenMinio, type OpenMinio } from "../vault/open-minio.ts";
import { call } from "./client.ts";
import { readiness, untilReadiness, untilReady } from "./readiness.ts";

let minio: OpenMinio;
let instance: TestInstance;

before(async () => {
  minio = await startOpenMinio();
  instance = await startInstance({ env: environment() });
});
after(async () => {
  await instance.stop();
  await minio.stop();
});

function environment(): Record<string, string> {
  return {
    INDELIBLE_S3_ENDPOINT: minio.root.endpoint,
    INDELIBLE_S3_BUCKET: minio.worker.bucket,
    INDELIBLE_S3_ACCESS_KEY: minio.worker.accessKey,
    INDELIBLE_S3_SECRET_KEY: minio.worker.secretKey,
    INDELIBLE_SYSTEM_RETENTION_DAYS: "1",
    INDELIBLE_LOCK_TEST_SECONDS: "1",
    INDELIBLE_SEAL_SECONDS: "1",
  };
}

async function append(query = ""): Promise<number> {
  const body = JSON.stringify({ action: "lock.watched", actor: { id: "test" } });
  const { demo: token } = instance.tokens;
  return (await call(instance.url, `/v1/logs/demo/entries${query}`, { token, body })).status;
}

test("a policy that was opened is found, and nothing is sealed until it is closed again", async (t) => {
  assert.equal(await append("?ack=sealed"), 201);
  const { parts } = (await readiness(instance)) as unknown as { parts: { lock: TestedPart } };
  assert.ok(Date.now() - Date.parse(parts.lock.tested_at) < 60_000, parts.lock.tested_at);

  await minio.setPolicy("worker", "a plain one");
  const openedMs = Date.now();
  const found = await untilReadiness(instance, "taking, not sealing", /lock_not_enforced/);
  t.diagnostic(`found after ${Date.now() - openedMs} ms: ${found.detail.slice(0, 120)}`);
  assert.match(found.detail, /lock: lock_not_enforced: check 13 \(nor by a copy\)/);
  assert.equal(await append(), 201);
  const sealing = call(instance.url, "/v1/logs/demo/seal", {
    ...{ method: "POST", token: instance.tokens.admin },
  });
  assert.notEqual((await sealing).status, 200);

  await minio.setPolicy("worker", "the worker's");
  await untilReady(instance);
  assert.equal(await append("?ack=sealed"), 201);
  await instance.untilOutput(/enforces its lock again/);
});

test("with an administrator's key the same is asked of him, and only harm counts", async () => {
  await instance.restart({
    ...environment(),
    INDELIBLE_S3_ADMIN_ACCESS_KEY: minio.plain.accessKey,
    INDELIBLE_S3_ADMIN_SECRET_KEY: minio.plain.secretKey,
  });
  const { detail } = await untilReadiness(instance, "taking, not sealing", /lock_not_enforced/);
  assert.match(detail, /check 13 \(nor by a copy\), with the administrator's key/);
  assert.doesNotMatch(detail, /with the worker's key|check 17 /);

  await minio.setPolicy("plain", "the worker's");
  await untilReady(instance);
  assert.equal(await append("?ack=sealed"), 201);
});

interface TestedPart {
  readonly tested_at: string;
}
