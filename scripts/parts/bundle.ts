/**
 * The worker's program, bundled by wrangler from `wrangler.toml`: the same bytes that a deploy would
 * upload. A bundle is kept under the hash of everything that it was made from, so a start with
 * unchanged sources skips the two seconds that bundling takes.
 */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { runTool } from "./tool.ts";

const CACHE = join("node_modules", ".cache", "indelible");

/** Everything that a bundle depends on. The lock file stands for the packages. */
const SOURCES = [
  ...["wrangler.toml", "package-lock.json", "tsconfig.json", "FORMAT.md"],
  ...["worker", "storage", "scripts/parts/page-build.ts"],
];

/** Bundles of older sources are removed after this, not at once: a start may be reading one. */
const KEEP_MS = 24 * 60 * 60 * 1000;

/** The folder with the bundle of today's sources, made if it is not there. */
export async function bundleWorker(say: (message: string) => void): Promise<string> {
  const target = join(CACHE, `worker-${await hashSources()}`);
  if (await exists(target)) return target;
  say("Bundling the worker.");
  await mkdir(CACHE, { recursive: true });
  await removeOld();
  const folder = await mkdtemp(join(CACHE, "bundling-"));
  try {
    await runWrangler(folder);
    await rename(folder, target).catch(async (error: Error) => {
      if (!(await exists(target))) throw error; // Another start made the same one meanwhile.
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return target;
}

async function hashSources(): Promise<string> {
  const hash = createHash("sha256");
  for (const source of SOURCES) {
    for (const path of await filesOf(source)) {
      const content = await readFile(path);
      hash.update(`${path}\0${content.length}\0`).update(content);
    }
  }
  return hash.digest("hex").slice(0, 16);
}

async function filesOf(path: string): Promise<string[]> {
  if (!(await stat(path)).isDirectory()) return [path];
  const found = await readdir(path, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function runWrangler(folder: string): Promise<void> {
  const wrangler = join("node_modules", "wrangler", "bin", "wrangler.js");
  const args = ["deploy", "--dry-run", "--outdir", folder];
  const { ok, said } = await runTool(process.execPath, [wrangler, ...args], {
    env: {
      ...process.env,
      WRANGLER_SEND_METRICS: "false",
      WRANGLER_HIDE_BANNER: "true",
      WRANGLER_LOG_PATH: join(folder, "logs"),
      NO_COLOR: "1",
    },
  });
  if (!ok) throw new Error(`wrangler could not bundle the worker:\n${said.trim()}`);
  await rm(join(folder, "logs"), { recursive: true, force: true });
}

async function removeOld(): Promise<void> {
  for (const name of await readdir(CACHE)) {
    const path = join(CACHE, name);
    const found = await stat(path).catch(() => null);
    if (found && Date.now() - found.mtimeMs > KEEP_MS) await rm(path, { recursive: true });
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
