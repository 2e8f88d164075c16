/**
 * The index's schema as the steps that lead to it, each applied once and whole (`migrate.ts`). A step
 * that was released is never edited: a change is a new step. Each trigger stands on one line, since
 * sqld's dump and reload splits statements at line ends.
 *
 * The triggers are the database's own share of immutability: what a commit wrote is not updated,
 * deleted or replaced, and a chunk lands only where its log's head says that it belongs. `INSERT OR
 * REPLACE` passes DELETE triggers by, so the BEFORE INSERT triggers refuse keys that exist.
 */
export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    "CREATE TABLE head (log TEXT PRIMARY KEY, size INTEGER NOT NULL CHECK (size >= 0), leaf TEXT NOT NULL, frontier TEXT NOT NULL, time TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE chunk (log TEXT NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL CHECK (count > 0), leaves BLOB NOT NULL, lines TEXT NOT NULL, PRIMARY KEY (log, first)) STRICT",
    "CREATE TABLE node (log TEXT NOT NULL, level INTEGER NOT NULL CHECK (level > 0), n INTEGER NOT NULL, hash BLOB NOT NULL CHECK (length(hash) = 32), PRIMARY KEY (log, level, n)) STRICT, WITHOUT ROWID",
    "CREATE TABLE event_id (log TEXT NOT NULL, by TEXT NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL, time TEXT NOT NULL, hash BLOB NOT NULL, digest BLOB NOT NULL) STRICT",
    "CREATE UNIQUE INDEX event_id_key ON event_id (log, by, id)",
    "CREATE INDEX event_id_time ON event_id (time)",
    "CREATE TABLE seal (log TEXT NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL CHECK (count > 0), key TEXT NOT NULL, version_id TEXT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, sealed_at TEXT NOT NULL, retain_until TEXT NOT NULL, checkpoint TEXT NOT NULL, leaf TEXT NOT NULL, frontier TEXT NOT NULL, PRIMARY KEY (log, first)) STRICT, WITHOUT ROWID",
    "CREATE TABLE health (id INTEGER PRIMARY KEY CHECK (id = 1), checks INTEGER NOT NULL) STRICT",
    "INSERT INTO health (id, checks) VALUES (1, 0)",

    "CREATE TRIGGER head_insert BEFORE INSERT ON head WHEN EXISTS (SELECT 1 FROM head WHERE log = NEW.log) BEGIN SELECT RAISE(ABORT, 'head: the log is there already'); END",
    "CREATE TRIGGER head_delete BEFORE DELETE ON head BEGIN SELECT RAISE(ABORT, 'head: a log is never removed'); END",
    "CREATE TRIGGER head_update BEFORE UPDATE ON head WHEN NEW.size < OLD.size OR NEW.log <> OLD.log OR (NEW.size = OLD.size AND NEW.leaf <> OLD.leaf) BEGIN SELECT RAISE(ABORT, 'head: a log only grows'); END",

    "CREATE TRIGGER chunk_update BEFORE UPDATE ON chunk BEGIN SELECT RAISE(ABORT, 'chunk: entries are never changed'); END",
    "CREATE TRIGGER chunk_delete BEFORE DELETE ON chunk BEGIN SELECT RAISE(ABORT, 'chunk: entries are never removed'); END",
    // Begins where the last chunk ended (so an existing key is refused), ends where the head stands.
    "CREATE TRIGGER chunk_insert BEFORE INSERT ON chunk WHEN length(NEW.leaves) <> 32 * NEW.count OR NEW.first <> coalesce((SELECT first + count FROM chunk WHERE log = NEW.log ORDER BY first DESC LIMIT 1), 0) OR NOT EXISTS (SELECT 1 FROM head WHERE log = NEW.log AND size = NEW.first + NEW.count AND leaf = lower(hex(substr(NEW.leaves, -32)))) BEGIN SELECT RAISE(ABORT, 'chunk: does not continue its log'); END",

    "CREATE TRIGGER node_update BEFORE UPDATE ON node BEGIN SELECT RAISE(ABORT, 'node: hashes are never changed'); END",
    "CREATE TRIGGER node_delete BEFORE DELETE ON node BEGIN SELECT RAISE(ABORT, 'node: hashes are never removed'); END",
    "CREATE TRIGGER node_insert BEFORE INSERT ON node WHEN EXISTS (SELECT 1 FROM node WHERE log = NEW.log AND level = NEW.level AND n = NEW.n) BEGIN SELECT RAISE(ABORT, 'node: is there already'); END",

    "CREATE TRIGGER seal_update BEFORE UPDATE ON seal BEGIN SELECT RAISE(ABORT, 'seal: rows are never changed'); END",
    "CREATE TRIGGER seal_delete BEFORE DELETE ON seal BEGIN SELECT RAISE(ABORT, 'seal: rows are never removed'); END",
    "CREATE TRIGGER seal_insert BEFORE INSERT ON seal WHEN EXISTS (SELECT 1 FROM seal WHERE log = NEW.log AND first = NEW.first) BEGIN SELECT RAISE(ABORT, 'seal: the slot has a row already'); END",
  ],
  ["CREATE TABLE token_use (id TEXT PRIMARY KEY, used_at TEXT NOT NULL) STRICT, WITHOUT ROWID"],
];

/** What `PRAGMA user_version` says once all steps are applied. */
export const SCHEMA_VERSION = MIGRATIONS.length;
