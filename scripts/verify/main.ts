/**
 * `npm run verify` (`scripts/verify.ts` says what it takes): reads what is asked, finds keys and sources, and lets the
 * verifier of `storage/flow` look.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { verifyAll } from "../../storage/flow/verify.ts";
import { nodeGzip } from "../../storage/gzip.ts";
import { webCryptoVerify } from "../../storage/keys.ts";
import { isLogName } from "../../storage/log/entry.ts";
import { readCommand, TOKEN_VARIABLE, type Config } from "../config.ts";
import { verifyExport, type ExportAsked } from "./export.ts";
import { dropped } from "./garbage.ts";
import { openIndexView } from "./index-view.ts";
import { Instance, isAddress } from "./instance.ts";
import { InputError, instanceOriginOf, readKept, readKeys, vkeyFiles } from "./keys.ts";
import { allFindings, formatJson, formatText, Progress } from "./report.ts";
import { searchOnline } from "./search-online.ts";
import { namesOf, pagesIn, verifySearch } from "./search.ts";
import { fastSha256 } from "./sha256.ts";
import { userPath, withSource, type Source } from "./source.ts";
import { Threads } from "./threads.ts";

const say = (message: string): void => void process.stderr.write(`${message}\n`);

/** What may be verified beside a vault: a folder of such a name is written with its path. */
const OTHERS = ["export", "search"] as const;

interface Asked {
  /** Null: a vault. */
  readonly other: (typeof OTHERS)[number] | null;
  readonly files: readonly string[];
  /** Of an instance, or of a search. */
  readonly address: string | null;
  readonly config: Config;
  readonly folder: string | null;
  readonly s3: boolean;
  readonly vkeys: readonly string[];
  readonly checkpoints: readonly string[];
  readonly log: string | null;
  readonly json: boolean;
}

try {
  process.exitCode = await main(readAsked());
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}

function readAsked(): Asked {
  // Only for a store that somebody writes to; a verifier need not say it.
  const env = { INDELIBLE_SYSTEM_RETENTION_DAYS: "1", ...process.env };
  const { config, flags, words } = readCommand(process.argv.slice(2), env, {
    s3: { type: "boolean" },
    vkey: { type: "string", multiple: true },
    checkpoint: { type: "string", multiple: true },
    log: { type: "string" },
    json: { type: "boolean" },
  });
  const other = OTHERS.find((name) => name === words[0]) ?? null;
  const given = other === null ? [] : words.slice(1);
  const [address = null, ...moreAddresses] = given.filter(isAddress);
  if (moreAddresses.length > 0) throw new InputError("One address at a time.");
  const files = given.filter((word) => !isAddress(word)).map((path) => userPath(path));
  if (other === null && words.length > 1) {
    throw new InputError(`"${words[1]}": one folder at a time.`);
  }
  const folder = other === null ? words[0] : takeFolder(files);
  const s3 = flags["s3"] === true;
  if (s3 && folder !== undefined) throw new InputError("Either a folder or --s3, not both.");
  if (other === null && words.some(isAddress)) {
    throw new InputError("An address goes with search or export.");
  }
  const log = (flags["log"] as string | undefined) ?? null;
  if (log !== null && !isLogName(log)) throw new InputError(`"${log}" is not a log's name.`);
  const paths = (name: string): string[] =>
    ((flags[name] ?? []) as string[]).map((path) => userPath(path));
  return {
    config,
    other,
    files,
    address,
    folder: folder === undefined ? null : userPath(folder),
    s3,
    vkeys: paths("vkey"),
    checkpoints: paths("checkpoint"),
    log,
    json: flags["json"] === true,
  };
}

/** Takes the folder of batches out of the files that were named; the instance's own vault where there is none. */
function takeFolder(files: string[]): string | undefined {
  const at = files.findIndex((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory());
  return at < 0 ? undefined : files.splice(at, 1)[0];
}

async function main(asked: Asked): Promise<number> {
  const keys = await readKeys(
    asked.vkeys.length > 0 ? asked.vkeys : await vkeyFiles(join(asked.config.dataDir, "vkeys")),
  );
  if (keys.length === 0) {
    throw new InputError(
      `No verifier key: give --vkey FILE (there is none in ${asked.config.dataDir}/vkeys).`,
    );
  }
  const origin = instanceOriginOf(keys);
  const kept = await readKept(asked.checkpoints, keys, origin);
  const known = { keys, kept, instanceOrigin: origin };
  if (asked.other === "export") return exported(asked, known);
  if (asked.other === "search") return searched(asked, known);
  return withSource({ ...asked, env: process.env, say }, async (source) => {
    const threads = await Threads.start({ index: source.index });
    try {
      return await verify(asked, source, threads, { origin, keys, kept });
    } finally {
      await threads.stop();
    }
  });
}

type Known = Pick<ExportAsked, "keys" | "kept" | "instanceOrigin">;

/** With the batches of a folder, a store or an instance where one is named, else by itself. */
function exported(asked: Asked, known: Known): Promise<number> {
  const { files, json, address, folder, s3 } = asked;
  const given = { ...known, files, json };
  if (address === null && folder === null && !s3) return verifyExport(given, null);
  const instance = address === null ? null : instanceAt(address);
  return withSource({ ...asked, instance, env: process.env, say }, (source) =>
    verifyExport(given, source),
  );
}

/** The search is asked for here, or its pages are files; the batches are the instance's unless others are named. */
async function searched(asked: Asked, known: Known): Promise<number> {
  const { files, json, address, folder, s3 } = asked;
  const source = { ...asked, env: process.env, say };
  if (address === null || files.length > 0) {
    const instance = address === null ? null : instanceAt(address);
    const given = { ...known, what: namesOf(files), pages: pagesIn(files), asked: null, json };
    return withSource({ ...source, instance }, (there) => verifySearch(given, there));
  }
  const search = await searchOnline(address, process.env[TOKEN_VARIABLE], known);
  const { instance, receiptKey, ...online } = search;
  const keys = known.keys.some(({ name }) => name === receiptKey.name)
    ? known.keys
    : [...known.keys, receiptKey];
  const given = { ...known, ...online, keys, what: address, json };
  const own = folder === null && !s3 ? { instance } : {};
  return withSource({ ...source, ...own }, (there) => verifySearch(given, there));
}

function instanceAt(address: string): Instance {
  return new Instance(new URL(address), process.env[TOKEN_VARIABLE]);
}

async function verify(
  asked: Asked,
  source: Source,
  threads: Threads,
  known: Pick<Parameters<typeof verifyAll>[1], "origin" | "keys" | "kept">,
): Promise<number> {
  const progress = new Progress(process.stderr.isTTY === true);
  const { vault, index, locks, what } = source;
  const report = await verifyAll(
    {
      vault,
      gzip: nodeGzip,
      sha256: fastSha256,
      verify: webCryptoVerify(),
      index: index === null ? null : openIndexView(index),
      check: threads.check,
      ...(index === null ? {} : { compare: threads.compare }),
    },
    {
      ...known,
      locks,
      only: asked.log,
      onBatch: (read) => {
        progress.batch(read);
        dropped(read.bytes + read.batch.leaves.length + read.batch.times.byteLength);
      },
      onLog: (log) => progress.log(log),
    },
  );
  progress.end();
  const shown = { what, locks, index: index !== null };
  const text = asked.json
    ? formatJson(report, { ...shown, progress })
    : formatText(report, shown, progress);
  process.stdout.write(`${text}\n`);
  return allFindings(report).length === 0 ? 0 : 1;
}
