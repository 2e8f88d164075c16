/**
 * The rules that no linter knows: rooms import only inward, `storage/log` needs nothing but the noble
 * libraries, files are small and open with a comment that says what they are.
 */
import { readdir, readFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";

const LINES_MAX = 400;

/** A room, the rooms whose files it may import, and the packages it may not do without saying so here. */
interface Room {
  readonly path: string;
  readonly rooms: readonly string[];
  /** `null`: any. */
  readonly packages: readonly string[] | null;
}

const CONTRACTS = ["storage/ports.ts", "storage/guard-ports.ts"];

/** The most specific path comes first; a file belongs to the first room that it lies in. */
const ROOMS: readonly Room[] = [
  { path: "storage/log/", rooms: [], packages: ["@noble/hashes", "@noble/ed25519"] },
  { path: "storage/flow/", rooms: ["storage/log/", ...CONTRACTS], packages: [] },
  // Signs what it sends as the Standard Webhooks specification says.
  {
    path: "storage/alerts/",
    rooms: ["storage/log/", "storage/printable.ts", ...CONTRACTS],
    packages: ["standardwebhooks"],
  },
  {
    path: "storage/index/",
    rooms: ["storage/log/", ...CONTRACTS],
    packages: ["drizzle-orm", "@libsql/client", "@libsql/hrana-client"],
  },
  // A database of its own, spoken to as the index is.
  {
    path: "storage/search/",
    rooms: ["storage/log/", "storage/index/connection.ts", "storage/index/row.ts", ...CONTRACTS],
    packages: ["@libsql/client", "node:zlib"],
  },
  {
    path: "storage/vault/",
    rooms: ["storage/log/", ...CONTRACTS],
    packages: ["minio", "fast-xml-parser", "node:*"],
  },
  {
    path: "storage/",
    rooms: ["storage/log/", ...CONTRACTS],
    packages: ["node:zlib", "ipaddr.js", "valibot"],
  },
  // Runs in browsers: nothing of the worker's own, and no I/O but to where it came from.
  {
    path: "worker/page/",
    rooms: ["storage/log/"],
    packages: ["preact", "@preact/signals"],
  },
  {
    path: "worker/",
    rooms: ["storage/", "FORMAT.md", "build/page.txt"],
    packages: [
      "hono",
      "valibot",
      "@valibot/to-json-schema",
      "jose",
      "prom-client",
      "@opentelemetry",
      "cloudflare:*",
      "node:*",
      "@cloudflare/workers-types",
    ],
  },
  { path: "scripts/", rooms: ["storage/", "worker/page-files.ts"], packages: null },
  { path: "test/", rooms: ["storage/", "worker/", "scripts/"], packages: null },
];

const IMPORT =
  /^\s*(?:import|export)\b[^;]*?\bfrom\s*"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)|^import "([^"]+)"/gm;

/** One line a complaint; empty if all is well. */
export async function checkStructure(root: string): Promise<string[]> {
  const complaints: string[] = [];
  for (const room of ["storage", "worker", "scripts", "test"]) {
    for (const path of await sourceFiles(root, room)) {
      const text = await readFile(join(root, path), "utf8");
      complaints.push(...checkFile(path, text).map((complaint) => `${path}: ${complaint}`));
    }
  }
  return complaints;
}

async function sourceFiles(root: string, folder: string): Promise<string[]> {
  const found = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile() && /\.(tsx?|mjs)$/.test(entry.name))
    .map((entry) => join(entry.parentPath.slice(join(root, "x").length - 1), entry.name))
    .sort();
}

function checkFile(path: string, text: string): string[] {
  const complaints: string[] = [];
  const lines = text.split("\n").length - 1;
  if (lines > LINES_MAX) complaints.push(`${lines} lines; ${LINES_MAX} is the most`);
  if (!/^(#!.*\n)?\/\*\*?|^\/\//.test(text)) complaints.push("no opening comment");
  const room = ROOMS.find((candidate) => path.startsWith(candidate.path));
  if (!room) return [...complaints, "belongs to no room"];
  for (const [, from, dynamic, bare] of text.matchAll(IMPORT)) {
    const target = (from ?? dynamic ?? bare)!;
    const allowed = target.startsWith(".")
      ? mayImportFile(room, normalize(join(dirname(path), target)))
      : mayImportPackage(room, target);
    if (!allowed) complaints.push(`may not import ${target}`);
  }
  return complaints;
}

function mayImportFile(room: Room, path: string): boolean {
  return [room.path, ...room.rooms].some((allowed) => path.startsWith(allowed));
}

function mayImportPackage(room: Room, target: string): boolean {
  if (room.packages === null) return true;
  return room.packages.some(
    (allowed) =>
      target === allowed ||
      target.startsWith(`${allowed}/`) ||
      (allowed.endsWith("*") && target.startsWith(allowed.slice(0, -1))),
  );
}
