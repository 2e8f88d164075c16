/** When a log key may be replaced, by what, and which old keys go on being trusted: decided before anything is written. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { DataFolder } from "../../scripts/parts/data-folder.ts";
import { publicKeyOf } from "../../scripts/parts/log-key.ts";
import { NewLogKey } from "../../scripts/recover/new-log-key.ts";
import { RecoveryRefused } from "../../storage/flow/recover.ts";
import { toHex } from "../../storage/log/bytes.ts";
import { seedSigner } from "../../storage/keys.ts";
import { buildLog, logSigner, putInFolder } from "../verify/build-log.ts";
import { FolderVault } from "../../storage/vault/folder.ts";

const seedOf = (byte: number): Buffer => Buffer.alloc(32, byte);
const [RIGHT, NEXT, FOREIGN] = [7, 8, 9].map((byte) => seedOf(byte).toString("base64")) as [
  string,
  string,
  string,
];

interface Made {
  readonly data: DataFolder;
  readonly vkey: string;
  write(name: string, text: string): Promise<void>;
  prepare(...vkeys: string[]): Promise<NewLogKey>;
}

/** A vault whose `_system` was signed by the seeds, one batch each. */
async function make(t: TestContext, signers = [logSigner]): Promise<Made> {
  const dir = await mkdtemp(join(tmpdir(), "indelible-key-"));
  t.after(() => rm(dir, { recursive: true }));
  const data = await DataFolder.open(dir, () => {});
  t.after(() => data.close());
  for (const folder of ["keys", "vkeys", "bucket"]) await mkdir(data.path(folder));
  const { vkey } = await buildLog({
    ...{ log: "_system", batches: signers.map(() => 1), put: putInFolder(data.path("bucket")) },
    signerOf: (number) => signers[number]!,
  });
  const files = new FolderVault(data.path("bucket"));
  const vault = {
    get: (key: string, versionId: string) => files.get(key, versionId),
    versions: (prefix: string, after?: string) => files.versions(prefix, after),
    lock: () => Promise.reject(new Error("a folder has no locks")),
  };
  return {
    ...{ data, vkey },
    write: (name, text) => writeFile(data.path(name), `${text}\n`),
    prepare: (...vkeys) =>
      NewLogKey.prepare(
        data,
        null,
        vault,
        vkeys.map((name) => data.path(name)),
      ),
  };
}

const hexOf = async (seed: string): Promise<string> => toHex(await publicKeyOf(seed));
const replacedOf = ({ owner }: NewLogKey): string[] => owner.replaced.map(toHex);

test("a key that is there, and right, is not replaced", async (t) => {
  const { data, vkey, write, prepare } = await make(t);
  await write("keys/log.key", RIGHT);
  await write("vkeys/_system.vkey", vkey);
  await assert.rejects(prepare(), (error: Error) => {
    assert.ok(error instanceof RecoveryRefused);
    assert.ok(error.message.includes(data.path("keys", "log.key")));
    return true;
  });
});

test("a key that is missing, or another one, is replaced, and what it signed goes on being trusted", async (t) => {
  const { data, vkey, write, prepare } = await make(t);
  await write("vkeys/_system.vkey", vkey);
  for (const present of [null, FOREIGN, "not a key"]) {
    if (present !== null) await write("keys/log.key", present);
    assert.deepEqual(replacedOf(await prepare()), [await hexOf(RIGHT)], String(present));
  }
  assert.deepEqual(await readdir(data.path("keys")), ["log.key"], "nothing is written");
});

test("without a verifier key that people have, nobody can say that the vault is true", async (t) => {
  const { vkey, write, prepare } = await make(t);
  await assert.rejects(prepare(), /--vkey FILE/);
  await write("given.vkey", vkey);
  assert.deepEqual(replacedOf(await prepare("given.vkey")), [await hexOf(RIGHT)]);
});

test("a run that was cut goes on with its key; one that somebody put there is not used", async (t) => {
  const cut = await make(t, [logSigner, await seedSigner(seedOf(8))]);
  const planted = await make(t);
  for (const { vkey, write } of [cut, planted]) {
    await write("vkeys/_system.vkey", vkey);
    await write("keys/log.key.next", NEXT);
  }
  const next = await hexOf(NEXT);
  const publicOf = ({ owner }: NewLogKey) => toHex(owner.keysOf("x/demo")[0]!.publicKey);
  const again = await cut.prepare();
  assert.equal(publicOf(again), next);
  assert.deepEqual(replacedOf(again), [await hexOf(RIGHT)]);
  assert.notEqual(publicOf(await planted.prepare()), next);
});
