/** Logs: making one, changing one, listing them, showing one. */
import * as v from "valibot";
import { RETENTION_DAYS_MAX } from "../../storage/log/batch-header.ts";
import { isLogName } from "../../storage/log/entry.ts";
import { isBound, isChiefAdmin, may } from "../access.ts";
import { answerJson } from "../answer.ts";
import { logOf, principalOf, type Ask } from "../ask.ts";
import type { LogStatus } from "../ledger-api.ts";
import { ProblemError, valueOf } from "../problem.ts";
import { Description, readShape } from "../shape.ts";
import { answerWaiting } from "./approvals.ts";
import { sealItem } from "./seals.ts";

const RETENTION = `a whole number of days from 1 to ${RETENTION_DAYS_MAX}; it has no default, somebody must say it`;
const NAME =
  "a log's name: groups of a–z and 0–9, joined by one of . _ - each, at most 64 characters";

const RetentionDays = v.pipe(
  v.number(RETENTION),
  v.integer(RETENTION),
  v.minValue(1, RETENTION),
  v.maxValue(RETENTION_DAYS_MAX, RETENTION),
);

export const LogChangeShape = v.strictObject({
  retention_days: v.exactOptional(RetentionDays),
  description: v.exactOptional(Description),
  public: v.exactOptional(v.boolean("true or false")),
});

export const NewLogShape = v.strictObject({
  name: v.pipe(v.string(NAME), v.check(isLogName, NAME)),
  retention_days: RetentionDays,
  description: v.optional(Description, ""),
  public: v.optional(v.boolean("true or false"), false),
});

/** A log as the contract shows it (API §4), and what troubles it. */
function logItem(log: LogStatus) {
  return {
    name: log.name,
    description: log.description,
    public: log.public,
    size: log.size,
    sealed_size: log.sealedSize,
    retention_days: log.retentionDays,
    origin: log.origin,
    vkey: log.vkey,
    receipt_vkey: log.receiptVkey,
    last_seal: log.lastSeal === null ? null : sealItem(log.lastSeal),
    trouble: log.trouble,
  };
}

/** 201 once its entry in `_system` is sealed, or with `"sealed": false` where the vault is away. */
export async function createLog(ask: Ask): Promise<Response> {
  const principal = principalOf(ask);
  const shape = await readShape(ask.request, NewLogShape);
  // The name's own right, before anybody learns whether it is taken.
  const isWithin = may(principal, ["admin"], shape.name);
  const mayMake = shape.name.startsWith("_") ? isChiefAdmin(principal) : isWithin;
  if (!mayMake)
    throw new ProblemError("forbidden", "this name lies outside of the token's patterns");
  const made = await ask.services.ledger.createLog(principal, {
    name: shape.name,
    retentionDays: shape.retention_days,
    description: shape.description,
    public: shape.public,
  });
  const value = valueOf(made);
  if ("approval" in value) return answerWaiting(ask, value, {});
  const { log, sealed } = value;
  return answerJson(
    ask.requestId,
    201,
    { ...logItem(log), sealed },
    { location: `/v1/logs/${log.name}` },
  );
}

/** 200 with the log as it is now; its retention holds for what is sealed from now on. */
export async function changeLog(ask: Ask): Promise<Response> {
  const principal = principalOf(ask);
  const { name } = logOf(ask);
  if (name.startsWith("_") && !isChiefAdmin(principal)) {
    throw new ProblemError("forbidden", "the instance's own logs are for administrators of *");
  }
  const { retention_days: days, ...rest } = await readShape(ask.request, LogChangeShape);
  const change = { ...rest, ...(days === undefined ? {} : { retentionDays: days }) };
  const changed = await ask.services.ledger.changeLog(principal, name, change);
  const value = valueOf(changed);
  if ("approval" in value) return answerWaiting(ask, value, {});
  const { log, sealed } = value;
  return answerJson(ask.requestId, 200, { ...logItem(log), sealed });
}

/** Those that the token is bound to. */
export async function listLogs(ask: Ask): Promise<Response> {
  const principal = principalOf(ask);
  const logs = valueOf(await ask.services.ledger.logs());
  const bound = logs.filter(({ name }) => isBound(principal, name));
  ask.read.shown({ count: bound.length });
  return answerJson(ask.requestId, 200, { logs: bound.map(logItem) });
}

export function getLog(ask: Ask): Response {
  return answerJson(ask.requestId, 200, logItem(logOf(ask)));
}
