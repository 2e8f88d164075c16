/**
 * The contract of `Vault` as tests, for every adapter: MinIO from Node, MinIO from inside workerd, and the
 * vault in memory. Keys are new in each run, because nothing that is put can be taken away again.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import test from "node:test";
import { VaultError } from "../../storage/ports.ts";
import type { ObjectVersion, Vault } from "../../storage/ports.ts";

const HOUR_MS = 3600 * 1000;

export function vaultContract(name: string, open: () => Vault): void {
  const options = (ifAbsent = true) => ({ retainUntilMs: Date.now() + HOUR_MS, ifAbsent });
  const place = () => `contract-${randomBytes(8).toString("hex")}`;

  test(`${name}: what was put is read by its version id, byte for byte`, async () => {
    const vault = open();
    const allBytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    for (const body of [new Uint8Array(), allBytes, new Uint8Array(randomBytes(3_000_001))]) {
      const key = `${place()}/${body.length}`;
      const versionId = await putNew(vault, key, body);
      assert.equal(digest(await vault.get(key, versionId)), digest(body));
    }
  });

  test(`${name}: bytes that would compress well come back as they are`, async () => {
    const vault = open();
    const key = `${place()}/text.jsonl`;
    const body = Buffer.from('{"a":1}\n'.repeat(10_000));
    const contentType = "application/jsonl";
    const put = await vault.put(key, body, { ...options(), contentType });
    assert.ok(put.kind === "put");
    assert.equal(digest(await vault.get(key, put.versionId)), digest(body));
  });

  test(`${name}: the lock is COMPLIANCE until the second asked for, rounded up`, async () => {
    const vault = open();
    for (const ms of [0, 1, 999]) {
      const retainUntilMs = Math.ceil(Date.now() / 1000) * 1000 + HOUR_MS + ms;
      const key = `${place()}/lock`;
      const put = await vault.put(key, Buffer.from("x"), { retainUntilMs, ifAbsent: true });
      assert.ok(put.kind === "put");
      assert.deepEqual(await vault.lock(key, put.versionId), {
        mode: "COMPLIANCE",
        retainUntilMs: Math.ceil(retainUntilMs / 1000) * 1000,
      });
    }
  });

  test(`${name}: a lock is made longer, and never shorter`, async () => {
    const vault = open();
    const key = `${place()}/longer`;
    const versionId = await putNew(vault, key, Buffer.from("x"));
    const laterMs = Math.ceil(Date.now() / 1000) * 1000 + 5 * HOUR_MS;
    await vault.extendLock(key, versionId, laterMs);
    const longer = { mode: "COMPLIANCE", retainUntilMs: laterMs };
    assert.deepEqual(await vault.lock(key, versionId), longer);
    await vault.extendLock(key, versionId, laterMs - HOUR_MS);
    assert.deepEqual(await vault.lock(key, versionId), longer);
  });

  test(`${name}: a taken slot stays as it is; without the condition a version goes on top`, async () => {
    const vault = open();
    const key = `${place()}/slot`;
    const first = await putNew(vault, key, Buffer.from("first"));
    assert.deepEqual(await vault.put(key, Buffer.from("second"), options()), { kind: "taken" });
    assert.deepEqual(await ids(vault.versions(key)), [first]);

    const third = await vault.put(key, Buffer.from("third"), options(false));
    assert.ok(third.kind === "put");
    assert.deepEqual(await ids(vault.versions(key)), [third.versionId, first]);
    assert.equal(Buffer.from(await vault.get(key, first)).toString(), "first");
    assert.equal(Buffer.from(await vault.get(key, third.versionId)).toString(), "third");
  });

  test(`${name}: of sixteen that race for a slot one wins`, async () => {
    const vault = open();
    const key = `${place()}/race`;
    const bodies = Array.from({ length: 16 }, (_, index) => Buffer.from(`writer ${index}`));
    const results = await Promise.all(bodies.map((body) => vault.put(key, body, options())));
    const wins = results.flatMap((r, index) =>
      r.kind === "put" ? [{ index, id: r.versionId }] : [],
    );
    assert.equal(wins.length, 1);
    assert.deepEqual(await ids(vault.versions(key)), [wins[0]!.id]);
    const body = await vault.get(key, wins[0]!.id);
    assert.equal(digest(body), digest(bodies[wins[0]!.index]!));
  });

  test(`${name}: versions are listed by prefix, in key order, newest first, after a key`, async () => {
    const vault = open();
    const root = place();
    const names = ["a/2", "a/10", "a/1", "b/1", "a.b", "ab/1"];
    for (const key of names) await putNew(vault, `${root}/${key}`, Buffer.from(key));
    const second = await vault.put(`${root}/a/1`, Buffer.from("again!"), options(false));
    assert.ok(second.kind === "put");

    const listed = await all(vault.versions(`${root}/a/`));
    const keys = listed.map((version) => version.key.slice(root.length + 1));
    assert.deepEqual(keys, ["a/1", "a/1", "a/10", "a/2"]);
    assert.deepEqual(
      listed.map(({ latest, deleteMarker, bytes }) => ({ latest, deleteMarker, bytes })),
      [
        { latest: true, deleteMarker: false, bytes: 6 },
        { latest: false, deleteMarker: false, bytes: 3 },
        { latest: true, deleteMarker: false, bytes: 4 },
        { latest: true, deleteMarker: false, bytes: 3 },
      ],
    );
    assert.equal(listed[0]!.versionId, second.versionId);
    for (const { lastModifiedMs } of listed) {
      assert.ok(Math.abs(lastModifiedMs - Date.now()) < 60_000);
    }
    const after = async (key: string) =>
      (await all(vault.versions(`${root}/`, `${root}/${key}`))).map((v) =>
        v.key.slice(root.length + 1),
      );
    assert.deepEqual(await after("a/1"), ["a/10", "a/2", "ab/1", "b/1"]);
    assert.deepEqual(await after("a/11"), ["a/2", "ab/1", "b/1"]);
    assert.deepEqual(await after("b/1"), []);
    assert.deepEqual(await all(vault.versions(`${root}/none/`)), []);
  });

  test(`${name}: odd keys keep their names`, async () => {
    const vault = open();
    const root = place();
    const names = [
      "a b",
      "a+b",
      "a&b<c>\"'",
      "50%",
      "%2F",
      "ü ñ",
      "日本",
      "(!*)",
      "a=b?c#d;e",
      "~_-.,:@$",
    ];
    for (const key of names) {
      const versionId = await putNew(vault, `${root}/${key}`, Buffer.from(key));
      assert.equal(Buffer.from(await vault.get(`${root}/${key}`, versionId)).toString(), key);
      assert.equal((await vault.lock(`${root}/${key}`, versionId)).mode, "COMPLIANCE");
      assert.deepEqual(await ids(vault.versions(`${root}/${key}`)), [versionId]);
    }
    const listed = (await all(vault.versions(`${root}/`))).map((v) => v.key.slice(root.length + 1));
    assert.deepEqual(new Set(listed), new Set(names));
  });

  test(`${name}: first-level prefixes end in a slash`, async () => {
    const vault = open();
    const [one, two] = [place(), place()];
    for (const key of [`${one}/x`, `${one}/y/z`, `${two}/x`]) {
      await putNew(vault, key, Buffer.from(key));
    }
    const found = await vault.prefixes();
    assert.ok(found.includes(`${one}/`) && found.includes(`${two}/`));
    assert.ok(found.every((prefix) => /^[^/]+\/$/.test(prefix)));
    assert.equal(new Set(found).size, found.length);
  });

  test(`${name}: what is not there is missing`, async () => {
    const vault = open();
    const key = `${place()}/a`;
    const other = await putNew(vault, `${key}-other`, Buffer.from("x"));
    await putNew(vault, key, Buffer.from("y"));
    for (const missing of [key, `${key}-none`]) {
      await assert.rejects(vault.get(missing, other), isVaultError("batch_missing"));
      await assert.rejects(vault.lock(missing, other), isVaultError("batch_missing"));
    }
  });

  test(`${name}: it tells the time`, async () => {
    assert.ok(Math.abs((await open().nowMs()) - Date.now()) < 2000);
  });

  async function putNew(vault: Vault, key: string, body: Uint8Array): Promise<string> {
    const put = await vault.put(key, body, options());
    assert.ok(put.kind === "put", `${key} is taken`);
    return put.versionId;
  }
}

export async function all(versions: AsyncIterable<ObjectVersion>): Promise<ObjectVersion[]> {
  const found: ObjectVersion[] = [];
  for await (const version of versions) found.push(version);
  return found;
}

/** MinIO says that it is ready some moments before it serves objects. */
export async function untilServing(vault: Vault): Promise<void> {
  for (;;) {
    const failure = await vault.nowMs().catch((error: unknown) => error);
    if (typeof failure === "number") return;
    assert.ok(failure instanceof VaultError && failure.code === "vault_unreachable");
  }
}

export function isVaultError(code: VaultError["code"], outcome: VaultError["outcome"] = "nothing") {
  return (error: unknown): boolean => {
    assert.ok(error instanceof VaultError, String(error));
    assert.deepEqual(
      { code: error.code, outcome: error.outcome },
      { code, outcome },
      error.message,
    );
    return true;
  };
}

async function ids(versions: AsyncIterable<ObjectVersion>): Promise<string[]> {
  return (await all(versions)).map((version) => version.versionId);
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
