/**
 * What is built from sources, kept under the hash of everything that it was made from: whoever starts with unchanged sources finds it
 * finished. In plain JavaScript, because the first step of every command needs it before anything can be translated.
 */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

const CACHE = join("node_modules", ".cache", "indelible");

/** Builds of older sources are removed after this, not at once: a start may be reading one. */
const KEEP_MS = 24 * 60 * 60 * 1000;

/**
 * The folder with what `make` builds of today's `sources` (files and folders, from the root), which is called if it is not there.
 * Whole or not at all: it is built elsewhere and renamed.
 */
export async function keptBuild(kind, sources, make) {
  const target = join(CACHE, `${kind}-${hashOf(sources)}`);
  if (existsSync(target)) return target;
  await mkdir(CACHE, { recursive: true });
  await removeOld(kind);
  const folder = await mkdtemp(join(CACHE, `${kind}-unfinished-`));
  try {
    await make(folder);
    await rename(folder, target).catch((error) => {
      if (!existsSync(target)) throw error; // Another process made the same one meanwhile.
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return target;
}

function hashOf(sources) {
  const hash = createHash("sha256");
  for (const path of sources.flatMap(filesOf)) {
    const content = readFileSync(path);
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex").slice(0, 16);
}

function filesOf(path) {
  if (!statSync(path).isDirectory()) return [path];
  const found = readdirSync(path, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

async function removeOld(kind) {
  for (const name of await readdir(CACHE)) {
    if (!name.startsWith(`${kind}-`)) continue;
    const path = join(CACHE, name);
    const found = await stat(path).catch(() => null);
    if (found && Date.now() - found.mtimeMs > KEEP_MS)
      await rm(path, { recursive: true, force: true });
  }
}
