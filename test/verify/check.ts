/** The verifier in this process, on a folder: what `npm run verify` does, without threads and words. */
import { mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { rm } from "node:fs/promises";
import { instanceOriginOf } from "../../scripts/verify/keys.ts";
import type { KeptCheckpoint } from "../../storage/flow/remembered.ts";
import { verifyAll, type VerifyParts, type VerifyReport } from "../../storage/flow/verify.ts";
import { nodeGzip } from "../../storage/gzip.ts";
import { webCryptoVerify } from "../../storage/keys.ts";
import { openCheckpoint } from "../../storage/log/checkpoint.ts";
import type { Finding } from "../../storage/log/findings.ts";
import { parseVkey, type VerifierKey } from "../../storage/log/note.ts";
import { FolderVault } from "../../storage/vault/folder.ts";
import { sha256 } from "./build-log.ts";

const verify = webCryptoVerify();

export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "indelible-verify-"));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

export function keysOfText(vkeys: string): VerifierKey[] {
  return vkeys
    .split("\n")
    .filter((line) => line !== "")
    .map(parseVkey);
}

export async function kept(note: string, keys: readonly VerifierKey[]): Promise<KeptCheckpoint> {
  return { ...(await openCheckpoint(note, keys, verify)), source: "kept" };
}

export interface CheckOptions {
  readonly only?: string;
  readonly kept?: readonly KeptCheckpoint[];
  readonly locks?: boolean;
  readonly parts?: Partial<VerifyParts>;
}

export function check(
  vault: VerifyParts["vault"],
  vkeys: string,
  options: CheckOptions = {},
): Promise<VerifyReport> {
  const keys = keysOfText(vkeys);
  return verifyAll(
    { vault, gzip: nodeGzip, sha256, verify, index: null, ...options.parts },
    {
      origin: instanceOriginOf(keys),
      keys,
      locks: options.locks ?? false,
      only: options.only ?? null,
      kept: options.kept ?? [],
      onBatch: () => {},
      onLog: () => {},
    },
  );
}

export function checkFolder(
  folder: string,
  vkeys: string,
  options: CheckOptions = {},
): Promise<VerifyReport> {
  const files = new FolderVault(folder);
  const vault: VerifyParts["vault"] = {
    get: (key, versionId) => files.get(key, versionId),
    versions: (prefix, after) => files.versions(prefix, after),
    lock: () => Promise.reject(new Error("a folder has no locks")),
  };
  return check(vault, vkeys, options);
}

export function findingsOf(report: VerifyReport): Finding[] {
  return [...report.findings, ...report.logs.flatMap(({ findings }) => findings)];
}

/** `code log first-last`, as short as a test can want it. */
export function briefs(report: VerifyReport): string[] {
  return findingsOf(report).map(({ code, log, first, last }) => {
    const range = first === null ? "" : first === last ? ` ${first}` : ` ${first}-${last}`;
    return `${code} ${log ?? ""}${range}`.trim();
  });
}

/** Paths of a log's batches, in order. */
export async function batchFiles(folder: string, log = "demo"): Promise<string[]> {
  return (await readdir(join(folder, log))).sort().map((name) => join(folder, log, name));
}

/** Changes the content of a batch, and packs it again. */
export async function rewrite(
  path: string,
  change: (bytes: Uint8Array) => Uint8Array,
): Promise<void> {
  const inflated = await nodeGzip.gunzip(await readFile(path), 1 << 26);
  await writeFile(path, await nodeGzip.gzip(change(inflated)));
}
