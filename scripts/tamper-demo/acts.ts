/**
 * The five acts of the tamper demo: what the attacker does, really done to the parts of a running instance, and by what its
 * finding is known. Each has a log of its own.
 */
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { S3Client, type VaultConfig } from "../../storage/vault/client.ts";
import { putRequest } from "../../storage/vault/vault.ts";
import { slotName } from "../../storage/log/batch.ts";
import { LOCAL_BUCKET, LOCAL_REGION, type MinioSecrets } from "../parts/minio.ts";
import { cutTail, editLine, forgeFrom, indexFileOf } from "./index-file.ts";
import type { Finding } from "../../storage/log/findings.ts";

export interface Act {
  readonly log: string;
  /** One line: who does what. */
  readonly title: string;
  /** The same for the summary. */
  readonly short: string;
  /** What is done, for people. */
  readonly story: string;
  readonly commit: (dataDir: string) => Promise<void> | void;
  /** Codes by which it may be found; more than one where two checks race for it. */
  readonly codes: readonly string[];
  /** Whether the finding names the place. */
  readonly isNamed: (found: Finding) => boolean;
}

/** The batch with the last three entries. */
const SLOT = 3;
const DAY_MS = 24 * 3_600_000;

export const ACTS: readonly Act[] = [
  {
    log: "payments",
    title: "An administrator of the database edits one entry",
    short: "an entry edited in the database",
    story:
      "He has the file and its key. In entry 1 he makes 101.00 EUR into 901.00, and puts the triggers back behind him.",
    commit: (dataDir) => editLine(indexFileOf(dataDir), "payments", 1, "101.00", "901.00"),
    codes: ["entry_altered"],
    isNamed: ({ first, last }) => first === 1 && last === 1,
  },
  {
    log: "approvals",
    title: "He does it better: every hash after it is made anew",
    short: "the same, with all hashes made anew",
    story:
      "Entry 2 is changed, and its hash, the chain behind it, the tree and the head are recomputed. The database agrees with itself.",
    commit: (dataDir) => forgeFrom(indexFileOf(dataDir), "approvals", 2, "102.00", "902.00"),
    codes: ["entry_altered", "fork"],
    isNamed: ({ first }) => first !== null && first >= 2,
  },
  {
    log: "contracts",
    title: "The last entries never happened",
    short: "the last entries removed",
    story:
      "Entries 3 to 5 are removed, with the record of their seal, and the head is put back to 3: as if an old backup had been restored.",
    commit: (dataDir) => cutTail(indexFileOf(dataDir), "contracts", SLOT),
    codes: ["index_behind", "entry_missing"],
    isNamed: ({ first }) => first === SLOT,
  },
  {
    log: "patients",
    title: "Somebody with the stolen storage key covers a sealed batch",
    short: "a sealed batch covered in the store",
    story:
      "The lock lets nobody change the object, but a new version of the same name can be put on top of it. Whoever reads by name gets that.",
    commit: (dataDir) => coverBatch(dataDir, slotName("patients", SLOT)),
    codes: ["extra_version"],
    isNamed: ({ object, version }) =>
      object === slotName("patients", SLOT) && version !== null && version !== "",
  },
  {
    log: "votes",
    title: "Root edits the locked object on the disk, below the store",
    short: "a locked object edited on the disk",
    story:
      "No lock holds against who owns the disk: some bytes of the object's file in MinIO's folder are turned around.",
    commit: (dataDir) => damageFile(join(dataDir, "minio", LOCAL_BUCKET, slotName("votes", SLOT))),
    codes: ["batch_unreadable", "batch_altered"],
    isNamed: ({ object }) => object === slotName("votes", SLOT),
  },
];

async function coverBatch(dataDir: string, key: string): Promise<void> {
  const lock = { retainUntilMs: Date.now() + DAY_MS, ifAbsent: false };
  const config = await workerAccess(dataDir);
  const answer = await new S3Client(config).send(putRequest(key, new Uint8Array(100), lock));
  if (answer.status !== 200) throw new Error(`PUT ${key}: ${answer.status} ${answer.errorCode}`);
}

/** The worker's way into the local store, out of its files. */
async function workerAccess(dataDir: string): Promise<VaultConfig> {
  const secrets = await readFile(join(dataDir, "keys", "minio.json"), "utf8");
  const auditor = await readFile(join(dataDir, "auditor.env"), "utf8");
  const endpoint = /^S3_ENDPOINT=(.*)$/m.exec(auditor)![1]!;
  const { worker } = JSON.parse(secrets) as MinioSecrets;
  return { endpoint, bucket: LOCAL_BUCKET, region: LOCAL_REGION, ...worker };
}

/** A small object lies at the end of its own metadata, a larger one in a file beside it. */
export async function damageFile(folder: string): Promise<void> {
  const names = await readdir(folder, { recursive: true });
  const path = join(folder, names.find((name) => name.endsWith("part.1")) ?? "xl.meta");
  const bytes = await readFile(path);
  for (let at = bytes.length - 60; at < bytes.length - 40; at += 1) bytes[at]! ^= 0xff;
  await writeFile(path, bytes);
}
