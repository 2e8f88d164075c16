/** The first line of a sealed batch (FORMAT §6): what it is a part of, where it begins, and what came before it. */
import { isHashHex } from "./bytes.ts";
import { logOfOrigin } from "./checkpoint.ts";
import { isLogName } from "./entry.ts";
import { LogError } from "./errors.ts";
import { ZERO_HASH } from "./hash.ts";
import { frontierLength } from "./tree.ts";
import { isKeyName } from "./vkey.ts";

export const BATCH_FORMAT = "indelible.batch/1";
export const BATCH_LINES_MAX = 65_536;
/** A hundred years: beyond it a date is more likely a slip than a wish, and a lock cannot be undone. */
export const RETENTION_DAYS_MAX = 36_500;

/**
 * `first` and `count` say which entries, `frontier` (hex, largest first) and `prev` (hex) what they continue, `retention_days` what the
 * log promised when this was sealed. `origin` ends in the log's name.
 */
export interface BatchHeader {
  readonly count: number;
  readonly first: number;
  readonly frontier: readonly string[];
  readonly log: string;
  readonly origin: string;
  readonly prev: string;
  readonly retention_days: number;
}

/** Throws `invalid_batch` unless every member is what it must be, and they agree with each other. */
export function assertHeader(header: BatchHeader): void {
  const { count, first, frontier, log, origin, prev, retention_days } = header;
  check(isWhole(count, 1, BATCH_LINES_MAX), `count is 1 to ${BATCH_LINES_MAX}`);
  check(isWhole(first, 0, Number.MAX_SAFE_INTEGER - count), "first is a place in a log");
  check(
    isWhole(retention_days, 1, RETENTION_DAYS_MAX),
    `retention_days is 1 to ${RETENTION_DAYS_MAX}`,
  );
  check(typeof log === "string" && isLogName(log), "log is a log's name");
  check(typeof origin === "string" && isKeyName(origin), "origin is a name in a note");
  check(origin.includes("/") && logOfOrigin(origin) === log, "origin ends in the log's name");
  check(typeof prev === "string" && isHashHex(prev), "prev is a hash");
  check(first > 0 || prev === ZERO_HASH, "prev of the first entry is zero");
  check(Array.isArray(frontier) && frontier.every(isHash), "frontier is a list of hashes");
  check(frontier.length === frontierLength(first), "frontier has a hash for each perfect subtree");
}

function isHash(value: unknown): boolean {
  return typeof value === "string" && isHashHex(value);
}

function isWhole(value: unknown, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

function check(holds: boolean, rule: string): void {
  if (!holds) throw new LogError("invalid_batch", `header: ${rule}`);
}
