/**
 * What lowers a guard, one line each: on an instance that is set to require it, such a change waits for a second
 * administrator. Whoever owns the machine can do without one: that stands in `_system` like all else.
 */
import type { Change, FieldsOf } from "./changes.ts";

/** Beginnings of one character are as good as all logs: 36 of them are. */
const WIDE_PATTERN = /^(?:_.*|.?\*)$/;

const isWide = ({ logs }: { readonly logs: readonly string[] }): boolean =>
  logs.some((pattern) => WIDE_PATTERN.test(pattern));
const isAdmin = ({ roles }: { readonly roles: readonly string[] }): boolean =>
  roles.includes("admin");

const GUARDS: readonly Guard[] = [
  guard("token.created", "a token that administers", isAdmin),
  guard("token.created", "a token for all logs or for one of the instance's own", isWide),
  // Whoever rotates a token is shown the new one.
  guard(
    "token.rotated",
    "somebody else's token that administers",
    (token, own) => !own && isAdmin(token),
  ),
  guard(
    "token.rotated",
    "somebody else's token for all logs",
    (token, own) => !own && isWide(token),
  ),
  guard("log.created", "a log that everybody may read", (log) => log.public),
  guard("log.changed", "a log that everybody may read", (log) => log.public === true),
  // Of any, not of the last alone: whoever wants silence could add an address of his own first.
  guard("webhook.deleted", "an address less at which people are told of findings", () => true),
  guard(
    "webhook.changed",
    "an address at which people are told of findings",
    ({ target_sha256: target, severity, enabled }) =>
      target !== undefined || severity === "critical" || enabled === false,
  ),
];

interface Guard {
  readonly action: Change["action"];
  /** What it would be, for people. */
  readonly what: string;
  /** `own`: what is changed belongs to the person who asks. */
  readonly lowers: (change: Change, own: boolean) => boolean;
}

function guard<A extends Change["action"]>(
  action: A,
  what: string,
  lowers: (fields: FieldsOf<A>, own: boolean) => boolean,
): Guard {
  return { action, what, lowers: ({ fields }, own) => lowers(fields as FieldsOf<A>, own) };
}

/** What a second administrator would have to approve, in words; null if nothing. */
export function loweredGuard(change: Change, own: boolean): string | null {
  const lowered = GUARDS.filter((one) => one.action === change.action && one.lowers(change, own));
  return lowered.length === 0 ? null : lowered.map(({ what }) => what).join("; ");
}
