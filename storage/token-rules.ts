/**
 * What a token may be, said once for the API and the command line: its roles, which logs a pattern can name, how long it
 * lives, and for how long the old one goes on working when another takes its place. Pure.
 */
import { isLogName } from "./log/entry.ts";
import { formatTimeMs, isRfc3339 } from "./log/time.ts";

export const TOKEN_ROLES = ["writer", "reader", "auditor", "admin"] as const;

/** Twelve-character ids and patterns keep `token.created` far below a line's limit: 100 · 65 characters are 6.5 KB. */
export const TOKEN_LOGS_MAX = 100;

/** Each is looked at on every request of the token; 100 texts of 43 characters are 4 KB of its entry. */
export const TOKEN_NETWORKS_MAX = 100;

/** Of a token's description, and of a log's. */
export const DESCRIPTION_CHARS_MAX = 1_000;

/** Where nothing is said: a token that everybody forgot ends within a quarter. */
export const TOKEN_LIFE_DAYS = 90;
/** Ten years with their leap days. What is further ahead is a slip of the pen; what shall not end says `null`. */
export const TOKEN_LIFE_DAYS_MAX = 3_653;

/** Where nothing is said: a day to hand the new token to all who use the old one. */
export const OVERLAP_SECONDS = 86_400;
export const OVERLAP_SECONDS_MAX = 30 * 86_400;

const DAY_MS = 86_400_000;

/** A name of 64 characters, or as long a prefix and the star. */
const PATTERN_CHARS_MAX = 65;
/** The beginning of a log's name (FORMAT §3): groups of `[a-z0-9]` joined by single `.`, `_`, `-`. */
const PREFIX_PATTERN = /^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*[._-]?)?\*$/;

/** True for a name, or a prefix that names could begin with, ending in `*`. */
export function isPattern(text: string): boolean {
  if (isLogName(text)) return true;
  return PREFIX_PATTERN.test(text) && text.length <= PATTERN_CHARS_MAX;
}

/**
 * When a token made now ends, in the server's own form: in `TOKEN_LIFE_DAYS` unless said, `null` for never where just
 * that was said. Throws RangeError, with words for whoever said it, for what does not lie in the next ten years.
 */
export function expiryOf(wanted: string | null | undefined, nowMs: number): string | null {
  if (wanted === null) return null;
  if (wanted === undefined) return formatTimeMs(nowMs + TOKEN_LIFE_DAYS * DAY_MS);
  const timeMs = isRfc3339(wanted) ? Date.parse(wanted) : Number.NaN;
  if (Number.isNaN(timeMs)) throw new RangeError("is not a point in time");
  if (timeMs <= nowMs) throw new RangeError("lies in the past");
  if (timeMs > nowMs + TOKEN_LIFE_DAYS_MAX * DAY_MS) {
    throw new RangeError("lies more than ten years ahead; a token that shall not expire says so");
  }
  return formatTimeMs(timeMs);
}

/** When a token that is replaced now ends; `null` for at once. */
export function overlapEnd(overlapSeconds: number, nowMs: number): string | null {
  return overlapSeconds === 0 ? null : formatTimeMs(nowMs + overlapSeconds * 1_000);
}

/** What becomes of a token, as a list shows it. */
export type TokenState = "active" | "expired" | "revoked" | "rotated";

/** A token that was rotated is so from then on, though it works until its overlap ends. */
export function tokenState(
  token: {
    readonly expiresAt: string | null;
    readonly revokedAt: string | null;
    readonly replacedBy: string | null;
  },
  nowMs: number,
): TokenState {
  if (token.revokedAt !== null) return "revoked";
  if (token.replacedBy !== null) return "rotated";
  return token.expiresAt !== null && Date.parse(token.expiresAt) <= nowMs ? "expired" : "active";
}
