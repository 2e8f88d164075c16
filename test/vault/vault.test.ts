/** The adapter on a MinIO of which the test is the owner: markers, hidden logs, long listings, damage on the disk. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { S3Client } from "../../storage/vault/client.ts";
import { MinioVault } from "../../storage/vault/vault.ts";
import { all, isVaultError } from "./contract.ts";
import { startOpenMinio } from "./open-minio.ts";
import type { OpenMinio } from "./open-minio.ts";

let minio: OpenMinio;
let owner: S3Client;
let vault: MinioVault;
before(async () => {
  minio = await startOpenMinio();
  owner = new S3Client(minio.root);
  vault = new MinioVault(minio.worker);
});
after(() => minio.stop());

const options = (ifAbsent = true) => ({ retainUntilMs: Date.now() + 3_600_000, ifAbsent });

test("delete markers and versions on top are listed, and the locked version stays readable", async () => {
  const key = "marked/0000000000000000.jsonl.gz";
  const first = await put(vault, key, "sealed");
  assert.equal((await owner.send({ method: "DELETE", key })).status, 204);
  const listed = await all(vault.versions("marked/"));
  assert.deepEqual(
    listed.map(({ deleteMarker, latest, bytes }) => ({ deleteMarker, latest, bytes })),
    [
      { deleteMarker: true, latest: true, bytes: 0 },
      { deleteMarker: false, latest: false, bytes: 6 },
    ],
  );
  assert.equal(listed[1]!.versionId, first);
  assert.equal(Buffer.from(await vault.get(key, first)).toString(), "sealed");
  await assert.rejects(vault.get(key, listed[0]!.versionId), isVaultError("batch_missing"));
  await assert.rejects(vault.lock(key, listed[0]!.versionId), isVaultError("batch_missing"));

  // Under a marker MinIO takes the slot for free, so a second batch is put on top and both are seen.
  const second = await put(vault, key, "again");
  const ids = (await all(vault.versions("marked/"))).map((one) => one.versionId);
  assert.deepEqual(ids, [second, listed[0]!.versionId, first]);
});

test("an object named like a log hides its batches from MinIO's listings, and that is noticed", async () => {
  const key = "hidden/0000000000000000.jsonl.gz";
  const versionId = await put(vault, key, "sealed");
  await put(new MinioVault(minio.root), "hidden", "in the way");

  const plain = await owner.send({ method: "GET", query: { "list-type": "2", prefix: "hidden/" } });
  assert.equal(plain.status, 200);
  assert.ok(!Buffer.from(plain.body).toString().includes(key), "MinIO lists it again");

  for (const prefix of ["hidden/", key]) {
    await assert.rejects(all(vault.versions(prefix)), isVaultError("batch_unreadable"));
  }
  assert.ok((await vault.prefixes()).includes("hidden/"));
  assert.equal(Buffer.from(await vault.get(key, versionId)).toString(), "sealed");

  // A delete marker over it does not help; a stray object that hides nothing is no prefix.
  await owner.send({ method: "DELETE", key: "hidden" });
  await assert.rejects(all(vault.versions("hidden/")), isVaultError("batch_unreadable"));
  await put(new MinioVault(minio.root), "README.md", "a stray object");
  assert.ok(!(await vault.prefixes()).includes("README.md/"));
});

test("a listing of more than a thousand goes on over keys and within a key", async () => {
  const keys = Array.from({ length: 700 }, (_, index) => `long/${String(index).padStart(16, "0")}`);
  await inGroups(keys, (key) => put(vault, key, key));
  const many = `long/9${"0".repeat(15)}`;
  const versionIds: string[] = [];
  for (let index = 0; index < 400; index += 1) {
    const result = await vault.put(many, Buffer.from(String(index)), options(false));
    assert.ok(result.kind === "put");
    versionIds.unshift(result.versionId);
  }
  await put(vault, "long/a", "last");

  const listed = await all(vault.versions("long/"));
  assert.deepEqual(
    listed.map((one) => one.key),
    [...keys, ...versionIds.map(() => many), "long/a"],
  );
  assert.deepEqual(
    listed.slice(700, 1100).map((one) => one.versionId),
    versionIds,
  );
  assert.equal(listed.filter((one) => one.latest).length, 702);
  const rest = await all(vault.versions("long/", keys[649]));
  assert.deepEqual(
    rest.slice(0, 50).map((one) => one.key),
    keys.slice(650),
  );
  assert.equal(rest.length, 50 + 400 + 1);
  assert.deepEqual(await all(vault.versions("long/", "long/a")), []);
});

test("locks of every kind are told apart", async () => {
  const retainUntilMs = Math.ceil(Date.now() / 1000) * 1000 + 3_600_000;
  const lockOf = async (key: string, headers: Record<string, string>) => {
    const answer = await owner.send({ method: "PUT", key, headers, body: Buffer.from("x") });
    return await vault.lock(key, answer.headers.get("x-amz-version-id") ?? "");
  };
  const until = new Date(retainUntilMs).toISOString();
  const governance = {
    "x-amz-object-lock-mode": "GOVERNANCE",
    "x-amz-object-lock-retain-until-date": until,
  };
  assert.deepEqual(await lockOf("locks/governance", governance), {
    mode: "GOVERNANCE",
    retainUntilMs,
  });
  assert.deepEqual(await lockOf("locks/none", {}), { mode: "none", retainUntilMs: 0 });
  // What the package's own putObject makes of lock headers.
  const meta = { "x-amz-meta-x-amz-object-lock-mode": "COMPLIANCE" };
  assert.deepEqual(await lockOf("locks/meta", meta), { mode: "none", retainUntilMs: 0 });
});

test("a lock date in the past is refused by name", async () => {
  const past = { retainUntilMs: Date.now() - 1000, ifAbsent: true };
  await assert.rejects(vault.put("past/a", Buffer.from("x"), past), (error: Error) => {
    assert.match(error.message, /400/);
    return isVaultError("vault_refused")(error);
  });
});

test("bytes changed on the disk are unreadable, never wrong", async () => {
  for (const length of [500, 300_000]) {
    const key = `damaged/${length}`;
    const versionId = await put(vault, key, randomBytes(length).toString("hex"));
    const folder = join(minio.drive, minio.root.bucket, key);
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    const part = files.find((entry) => entry.name.startsWith("part.")) ?? files[0]!;
    const path = join(part.parentPath, part.name);
    const bytes = await readFile(path);
    bytes[bytes.length - 100]! ^= 1;
    await writeFile(path, bytes);
    await assert.rejects(vault.get(key, versionId), isVaultError("batch_unreadable"));
  }
});

test("objects are encrypted on the drive", async () => {
  const text = randomBytes(40).toString("hex");
  await put(vault, "secret/a", text);
  const folder = join(minio.drive, minio.root.bucket, "secret/a");
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((one) => one.isFile())) {
    assert.ok(!(await readFile(join(entry.parentPath, entry.name))).includes(text));
  }
});

test("a MinIO without keys to encrypt with is put to without, unless that is forbidden", async () => {
  const bare = await startOpenMinio(false);
  try {
    const strict = new MinioVault({ ...bare.worker, sse: "AES256" });
    await assert.rejects(strict.put("demo/a", Buffer.from("x"), options()), /501 NotImplemented/);
    assert.deepEqual(await all(strict.versions("")), []);
    const versionId = await put(new MinioVault(bare.worker), "demo/a", "x");
    assert.equal((await strict.lock("demo/a", versionId)).mode, "COMPLIANCE");
  } finally {
    await bare.stop();
  }
});

async function put(into: MinioVault, key: string, text: string): Promise<string> {
  const result = await into.put(key, Buffer.from(text), options());
  assert.ok(result.kind === "put");
  return result.versionId;
}

async function inGroups<T>(items: readonly T[], run: (item: T) => Promise<unknown>): Promise<void> {
  for (let index = 0; index < items.length; index += 16) {
    await Promise.all(items.slice(index, index + 16).map(run));
  }
}
