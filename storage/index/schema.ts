/**
 * The index's tables as drizzle sees them. `migrations.ts` makes them; a test holds the two against
 * each other. Hashes that other documents show in hex are text (`head`, `seal`: few rows); those that
 * come by the thousand are blobs.
 */
import {
  customType,
  index,
  integer,
  primaryKey,
  sqliteTable,
  text,
  uniqueIndex,
} from "drizzle-orm/sqlite-core";

/** The client gives blobs as ArrayBuffers; the rest of the project speaks Uint8Array. */
const bytes = customType<{ data: Uint8Array; driverData: ArrayBuffer | Uint8Array }>({
  dataType: () => "blob",
  toDriver: (value) => value,
  fromDriver: (value) => new Uint8Array(value as ArrayBuffer),
});

/** Where each log ends: the row that commit 1 compares and sets. */
export const head = sqliteTable("head", {
  log: text().primaryKey(),
  size: integer().notNull(),
  leaf: text().notNull(),
  frontier: text().notNull(),
  time: text().notNull(),
});

/** The entries, one row per commit and log. `leaves` stand before `lines`: reading them walks less. */
export const chunk = sqliteTable(
  "chunk",
  {
    log: text().notNull(),
    first: integer().notNull(),
    count: integer().notNull(),
    leaves: bytes().notNull(),
    lines: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.log, table.first] })],
);

/** Roots of perfect subtrees of height 8·level, level ≥ 1; `n` counts them from the left. */
export const node = sqliteTable(
  "node",
  {
    log: text().notNull(),
    level: integer().notNull(),
    n: integer().notNull(),
    hash: bytes().notNull(),
  },
  (table) => [primaryKey({ columns: [table.log, table.level, table.n] })],
);

/**
 * Where events with an id went. Rows are appended and the unique key lies in an index of its own:
 * with random ids each insert writes one page of that index, and the smaller it is the better.
 */
export const eventId = sqliteTable(
  "event_id",
  {
    log: text().notNull(),
    by: text().notNull(),
    id: text().notNull(),
    seq: integer().notNull(),
    time: text().notNull(),
    hash: bytes().notNull(),
    digest: bytes().notNull(),
  },
  (table) => [
    uniqueIndex("event_id_key").on(table.log, table.by, table.id),
    index("event_id_time").on(table.time),
  ],
);

/** Commit 2: which object holds which entries. Columns are those of `SealRow`. */
export const seal = sqliteTable(
  "seal",
  {
    log: text().notNull(),
    first: integer().notNull(),
    count: integer().notNull(),
    key: text().notNull(),
    versionId: text("version_id").notNull(),
    sha256: text().notNull(),
    bytes: integer().notNull(),
    sealedAt: text("sealed_at").notNull(),
    retainUntil: text("retain_until").notNull(),
    checkpoint: text().notNull(),
    leaf: text().notNull(),
    frontier: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.log, table.first] })],
);

/** One row that readiness writes, because reads answer even when writes are stuck. */
export const health = sqliteTable("health", {
  id: integer().primaryKey(),
  checks: integer().notNull(),
});

/** When tokens were last used, to the minute. Kept nowhere else, proves nothing, and is missed by nobody but a person. */
export const tokenUse = sqliteTable("token_use", {
  id: text().primaryKey(),
  usedAt: text("used_at").notNull(),
});
