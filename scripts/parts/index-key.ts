/**
 * The key that encrypts the index at rest. A new index gets one (32 random bytes, in a secret file of its own); an index
 * that was made without stays without. Which key a database folder belongs to stands in it, as a digest, and is compared
 * before anything opens a database: one with entries still in its WAL is destroyed by being opened with another key
 * (tried with libsql 0.5.29, which writes the pages back under the key that it was given).
 */
import { createHash, randomBytes } from "node:crypto";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import Database from "libsql";
import { readSecret, writeSecret } from "./secret-file.ts";

const KEY_BYTES = 32;

/** In the database folder: SHA-256 of a label and the key, in hex. */
const KEY_ID = "index.key.sha256";

/** A database that is not encrypted begins with this (SQLite file format, §1.3.1). */
const PLAIN_HEADER = "SQLite format 3\0";

const WAY =
  "Put back the copy of the key that belongs to it. Without it nobody can read this index: " +
  "move the folder aside and run npm run restore, which brings back everything that is sealed.";

/**
 * The key of the index in `dir`, or `null` if it is not encrypted. For an index that is not there yet a key is made at
 * `keyPath`, if `encryptNew`. Throws where the key is gone or is another one.
 */
export async function indexKey(
  dir: string,
  keyPath: string,
  encryptNew: boolean,
): Promise<string | null> {
  const { kind } = await stateOf(dir);
  if (kind === "plain" || (kind === "new" && !encryptNew)) return null;
  const kept = await readSecret(keyPath);
  if (kept !== null) {
    await checkIndexKey(dir, kept);
    return kept;
  }
  if (kind === "encrypted") throw new Error(`${dir} is encrypted, and ${keyPath} is gone. ${WAY}`);
  const key = randomBytes(KEY_BYTES).toString("base64");
  await writeSecret(keyPath, key);
  return key;
}

/** Throws where the databases in `dir` are not encrypted with `key` (`null`: not encrypted). */
export async function checkIndexKey(dir: string, key: string | null): Promise<void> {
  const { kind, id } = await stateOf(dir);
  if (kind === "new" || (kind === "plain" && key === null)) return;
  if (kind === "plain") throw new Error(`${dir} is not encrypted, and a key was given.`);
  if (key === null) throw new Error(`${dir} is encrypted, and no key was given. ${WAY}`);
  if (id === null) throw new Error(`${dir} is encrypted, and its ${KEY_ID} is gone. ${WAY}`);
  if (id !== idOf(key)) throw new Error(`${dir} was encrypted with another key. ${WAY}`);
}

/** Says in a folder without databases with which key they will be encrypted. To be called before the first is made. */
export async function markIndexKey(dir: string, key: string | null): Promise<void> {
  await checkIndexKey(dir, key);
  const { kind } = await stateOf(dir);
  if (kind === "new" && key !== null) await writeSecret(join(dir, KEY_ID), idOf(key));
}

/** Opens one database file. The key must have been checked: another one destroys what is in the WAL. */
export function openDatabase(
  path: string,
  key: string | null,
  options: Database.Options = {},
): Database.Database {
  const encryption = key === null ? {} : { encryptionKey: key };
  return new Database(path, { ...options, ...encryption });
}

function idOf(key: string): string {
  return createHash("sha256").update(`indelible index key\n${key}`).digest("hex");
}

interface State {
  readonly kind: "new" | "plain" | "encrypted";
  /** What the folder says of its key. */
  readonly id: string | null;
}

async function stateOf(dir: string): Promise<State> {
  const id = await readSecret(join(dir, KEY_ID));
  const found = await readdir(join(dir, "dbs")).catch(() => []);
  const headers = await Promise.all(found.map((name) => headerOf(join(dir, "dbs", name, "data"))));
  const plain = found.filter((_, place) => headers[place] === PLAIN_HEADER);
  if (id !== null && plain.length > 0) {
    throw new Error(`In ${dir}, which is encrypted, dbs/${plain[0]}/data is not.`);
  }
  if (plain.length > 0) return { kind: "plain", id };
  const isNew = id === null && headers.every((header) => header === "");
  return { kind: isNew ? "new" : "encrypted", id };
}

/** The first bytes, if the file has so many: SQLite writes its first page before it uses a WAL. */
async function headerOf(path: string): Promise<string> {
  const file = await open(path).catch(() => null);
  if (file === null) return "";
  try {
    const length = PLAIN_HEADER.length;
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, 0);
    return buffer.toString("latin1", 0, bytesRead);
  } finally {
    await file.close();
  }
}
