/** A downloaded bucket as a vault. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test, { after, before } from "node:test";
import { FOLDER_VERSION, FolderVault } from "../../storage/vault/folder.ts";
import { all, isVaultError } from "./contract.ts";
import { MemoryVault } from "./memory-vault.ts";

const KEYS = [
  "_indelible/keys/a.vkey",
  "_system/0000000000000000.jsonl.gz",
  "demo-2/0000000000000000.jsonl.gz",
  "demo/0000000000000000.jsonl.gz",
  "demo/0000000000000010.jsonl.gz",
  "demo/0000000000000010.note",
  "demo/ü",
  "demo/日本",
  "demo/\u{1F600}",
  "demo/\uFB00",
  "notes.txt",
];

let folder: string;
let vault: FolderVault;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "indelible-folder-"));
  for (const key of KEYS) {
    await mkdir(dirname(join(folder, key)), { recursive: true });
    await writeFile(join(folder, key), `bytes of ${key}`);
  }
  await symlink("/etc/hostname", join(folder, "demo", "link"));
  vault = new FolderVault(folder);
});
after(() => rm(folder, { recursive: true }));

test("it lists the same keys in the same order as a vault does", async () => {
  const memory = new MemoryVault();
  for (const key of KEYS) memory.addVersion(key, Buffer.from(`bytes of ${key}`));
  const keysOf = async (from: Pick<MemoryVault, "versions">, prefix: string, after?: string) =>
    (await all(from.versions(prefix, after))).map((one) => one.key);
  for (const prefix of ["", "demo", "demo/", "demo/0", "demo-2/", "_indelible/keys/", "none/"]) {
    for (const after of [undefined, "demo/", "demo/0000000000000000.jsonl.gz", "demo0", "zzz"]) {
      const found = await keysOf(vault, prefix, after);
      assert.deepEqual(found, await keysOf(memory, prefix, after), `${prefix} after ${after}`);
    }
  }
  assert.deepEqual(await vault.prefixes(), await memory.prefixes());
  assert.equal((await keysOf(vault, "")).length, KEYS.length);
});

test("every file is one version with its bytes", async () => {
  for await (const { key, versionId, bytes, latest, deleteMarker } of vault.versions("")) {
    const body = Buffer.from(await vault.get(key, versionId));
    assert.equal(body.toString(), `bytes of ${key}`);
    assert.deepEqual([bytes, latest, deleteMarker], [body.length, true, false]);
    assert.equal(versionId, FOLDER_VERSION);
  }
});

test("what is not in it is missing; nothing outside it is read", async () => {
  const keys = [
    "demo/none",
    "none/x",
    "demo",
    "notes.txt/x",
    "../x",
    "demo/../notes.txt",
    "/etc/hostname",
  ];
  for (const key of [...keys, "", "demo/./ü", "demo/link", "a\0b"]) {
    await assert.rejects(vault.get(key, FOLDER_VERSION), isVaultError("batch_missing"), key);
  }
  await assert.rejects(vault.get(KEYS[1]!, "another"), isVaultError("batch_missing"));
});

test("a folder that is not there cannot be read", async () => {
  const none = new FolderVault(join(folder, "none"));
  await assert.rejects(none.prefixes(), isVaultError("vault_unreachable"));
  await assert.rejects(all(none.versions("")), isVaultError("vault_unreachable"));
});
