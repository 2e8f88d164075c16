/**
 * Programs that come as Go source: MinIO, and `mc` to set it up. Looked for in this order: the
 * environment, PATH, the user's cache folder; otherwise built into that folder with `go install`, once
 * for all clones. A build goes to a temporary folder and is renamed, so an interrupted one leaves
 * nothing that looks finished; a lock keeps two from building the same at once.
 */
import { access, constants, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { fileLock } from "./file-lock.ts";
import { runTool } from "./tool.ts";

export interface GoProgram {
  readonly name: "minio" | "mc";
  /** The environment variable that names a binary. */
  readonly variable: "MINIO_BIN" | "MC_BIN";
  /** The module and its exact version. */
  readonly module: string;
  /** How long a build takes on two cores, for the message. */
  readonly buildTime: string;
}

/** The last community edition of the server, and a client of its time. */
export const MINIO: GoProgram = {
  name: "minio",
  variable: "MINIO_BIN",
  module: "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c",
  buildTime: "about three minutes",
};
export const MC: GoProgram = {
  name: "mc",
  variable: "MC_BIN",
  module: "github.com/minio/mc@v0.0.0-20250313080218-cf909e1063a9",
  buildTime: "about half a minute",
};

const GO_MINOR_MIN = 24;

export type Say = (message: string) => void;

/** The path of a program that can be run; builds it if it is nowhere. */
export async function findGoProgram(program: GoProgram, say: Say): Promise<string> {
  const named = process.env[program.variable];
  if (named) {
    if (await isOurs(program, named)) return named;
    throw new Error(`${program.variable} is ${named}, which is not a ${program.name} that runs.`);
  }
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder, program.name);
    if (folder && (await isOurs(program, path))) return path;
  }
  const cached = join(cacheFolder(), `${program.name}-${program.module.split("-").at(-1)}`);
  if (await isExecutable(cached)) return cached;
  await build(program, cached, say);
  return cached;
}

/** `$XDG_CACHE_HOME/indelible`, or `~/.cache/indelible`. */
function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "indelible");
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** `mc` is Midnight Commander on many machines: only a program that calls itself MinIO's will do. */
async function isOurs(program: GoProgram, path: string): Promise<boolean> {
  if (!(await isExecutable(path))) return false;
  const version = await runTool(path, ["--version"], { env: process.env }).catch(() => null);
  return version !== null && version.said.startsWith(`${program.name} version`);
}

async function build(program: GoProgram, target: string, say: Say): Promise<void> {
  const go = await findGo(program);
  await mkdir(cacheFolder(), { recursive: true });
  const lock = await fileLock(`${target}.lock`, () =>
    say(`Another process is building ${program.name}; waiting for it.`),
  );
  try {
    if (await isExecutable(target)) return;
    await removeCutBuilds(target);
    say(`Building ${program.name} with Go: ${program.buildTime}, once; kept as ${target}.`);
    const folder = await mkdtemp(`${target}.building-`);
    try {
      await goInstall(go, program, folder);
      await rename(join(folder, program.name), target);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  } finally {
    lock.release();
  }
}

/** What builds that were killed left; the lock is held, so none of them runs. */
async function removeCutBuilds(target: string): Promise<void> {
  for (const name of await readdir(dirname(target))) {
    if (!name.startsWith(`${basename(target)}.building-`)) continue;
    await rm(join(dirname(target), name), { recursive: true, force: true });
  }
}

/** Runs `go install`, and shows its last lines if it fails. */
async function goInstall(go: string, program: GoProgram, folder: string): Promise<void> {
  const { ok, ended, said } = await runTool(go, ["install", program.module], {
    env: { ...process.env, GOBIN: folder, CGO_ENABLED: "0" },
  });
  if (ok) return;
  const lines = said.split("\n").filter((line) => line && !line.startsWith("go: downloading"));
  const last = lines.slice(-BUILD_LINES_SHOWN).join("\n");
  throw new Error(`go install ${program.module} failed (${ended}):\n${last}\n${waysOut(program)}`);
}

const BUILD_LINES_SHOWN = 15;

async function findGo(program: GoProgram): Promise<string> {
  const found = await runTool("go", ["version"], { env: process.env }).catch(() => null);
  if (!found?.ok)
    throw new Error(`There is no ${program.name} here, and no Go.\n${waysOut(program)}`);
  const version = /go1\.(\d+)/.exec(found.said);
  if (Number(version?.[1]) < GO_MINOR_MIN) {
    throw new Error(
      `There is no ${program.name} here, and ${found.said.trim()} is too old.\n${waysOut(program)}`,
    );
  }
  return "go";
}

function waysOut(program: GoProgram): string {
  return [
    "Indelible keeps its sealed batches in MinIO. Any of these four is a way out:",
    "  1. use an S3 store with object lock: set INDELIBLE_S3_ENDPOINT, INDELIBLE_S3_BUCKET,",
    "     INDELIBLE_S3_REGION, INDELIBLE_S3_ACCESS_KEY, INDELIBLE_S3_SECRET_KEY",
    `  2. set ${program.variable} to the path of a ${program.name} program`,
    `  3. put ${program.name} on PATH`,
    `  4. install Go 1.${GO_MINOR_MIN} or newer (https://go.dev/dl); it is then built once`,
  ].join("\n");
}
