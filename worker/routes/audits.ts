/** Audits: asking for one, what became of them, and what is known to be wrong now. Each shows its caller's logs only. */
import * as v from "valibot";
import type { AuditRun, ShownAudit, ShownFinding } from "../../storage/log/audit-run.ts";
import { decodeUtf8, encodeUtf8, fromBase64Url, toBase64Url } from "../../storage/log/bytes.ts";
import { isLogName } from "../../storage/log/entry.ts";
import type { Finding, FindingCode } from "../../storage/log/findings.ts";
import { assertKnown, may, mayAll } from "../access.ts";
import { answerJson } from "../answer.ts";
import { principalOf, type Ask } from "../ask.ts";
import type { Principal } from "../ledger-api.ts";
import { invalidRequest, ProblemError, valueOf } from "../problem.ts";
import { wrong } from "../query.ts";
import { readShapeIfAny } from "../shape.ts";

const AUDITOR = ["auditor"] as const;

const LIMIT_DEFAULT = 20;
export const AUDITS_LIMIT_MAX = 100;

/** Of one run in a list; all of those that it keeps are in the run itself. */
const LISTED_FINDINGS_MAX = 5;

const SEQ = "a whole number from 0";
const Seq = v.pipe(v.number(SEQ), v.safeInteger(SEQ), v.minValue(0, SEQ));
const NAME = "a log's name";

export const AuditRequestShape = v.strictObject({
  log: v.exactOptional(v.pipe(v.string(NAME), v.check(isLogName, NAME))),
  from: v.exactOptional(Seq),
  to: v.exactOptional(Seq),
});

/** 202: it waits for its turn. Without a log all of them, which is for auditors of `*`. */
export async function requestAudit(ask: Ask): Promise<Response> {
  const principal = principalOf(ask);
  const { log = null, from, to } = await readShapeIfAny(ask.request, AuditRequestShape);
  if (log === null && (from !== undefined || to !== undefined)) {
    throw invalidRequest("a range is one of a log: say which", "/log");
  }
  if (log === null && !mayAll(principal, AUDITOR)) {
    throw new ProblemError("forbidden", "an audit of all logs is for auditors of *; name a log");
  }
  if (log !== null) await assertRange(ask, principal, log, from ?? 0, to ?? null);
  const scope = {
    log,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
  const run = valueOf(await ask.services.auditor.request(scope, principal.by));
  const location = `/v1/audits/${run.id}`;
  return answerJson(ask.requestId, 202, auditItem(run, principal, Infinity), { location });
}

async function assertRange(
  ask: Ask,
  principal: Principal,
  name: string,
  from: number,
  to: number | null,
): Promise<void> {
  if (!may(principal, AUDITOR, name)) {
    throw new ProblemError("forbidden", "the token is not auditor for this log");
  }
  const { ledger } = ask.services;
  const { log } = valueOf(
    await ledger.admit({ tokenSha256: null, signedIn: principal, log: name }),
  );
  assertKnown(log);
  if (to !== null && to <= from) throw invalidRequest("`to` is greater than `from`", "/to");
  if (from > 0 && from >= log.size) {
    throw invalidRequest(`${name} has ${log.size} entries`, "/from");
  }
}

/** Newest first. */
export async function listAudits(ask: Ask): Promise<Response> {
  const principal = principalOf(ask);
  const limit = ask.query.integer("limit", 1, AUDITS_LIMIT_MAX) ?? LIMIT_DEFAULT;
  const runs: AuditRun[] = [];
  for (let before = placeOf(ask); runs.length <= limit;) {
    const options = { limit: AUDITS_LIMIT_MAX, ...(before === null ? {} : { before }) };
    const page = valueOf(await ask.services.auditor.runs(options));
    runs.push(...page.filter((run) => maySee(principal, run)));
    const last = page.at(-1);
    if (last === undefined || page.length < AUDITS_LIMIT_MAX) break;
    before = last.id;
  }
  const shown = runs.slice(0, limit);
  ask.read.shown({ count: shown.length });
  return answerJson(ask.requestId, 200, {
    audits: shown.map((run) => auditItem(run, principal, LISTED_FINDINGS_MAX)),
    next_cursor: runs.length > limit ? cursorOf(shown.at(-1)!) : null,
  });
}

export async function getAudit(ask: Ask): Promise<Response> {
  const principal = principalOf(ask);
  const id = ask.param("audit");
  const run = RUN_ID.test(id) ? valueOf(await ask.services.auditor.audit(id)) : null;
  // One of other logs looks like one that is not there.
  if (run === null || !maySee(principal, run)) {
    throw new ProblemError("audit_unknown", "there is no audit of this id");
  }
  ask.read.shown({ count: 1 });
  return answerJson(ask.requestId, 200, auditItem(run, principal, Infinity));
}

/** What holds now, the oldest first. */
export async function listFindings(ask: Ask): Promise<Response> {
  const principal = principalOf(ask);
  const { findings, more } = valueOf(await ask.services.auditor.findings());
  const shown = findings
    .filter(({ finding }) => concerns(principal, finding))
    .sort((a, b) => (a.since < b.since ? -1 : 1))
    .map(({ finding, severity, since, seen }): ShownFinding => ({
      ...finding,
      ...{ severity, since, seen },
    }));
  ask.read.shown({ count: shown.length });
  const beyond = mayAll(principal, AUDITOR) ? more : 0;
  return answerJson(ask.requestId, 200, { findings: shown, more: beyond });
}

/** A run as its caller may see it: of one over all logs only what concerns his own. */
function auditItem(run: AuditRun, principal: Principal, findingsMax: number): ShownAudit {
  const isWhole = run.scope.log !== null || mayAll(principal, AUDITOR);
  const findings = run.findings.filter((finding) => concerns(principal, finding));
  return {
    ...run,
    coverage: isWhole ? run.coverage : null,
    unchecked: isWhole ? run.unchecked : [],
    finding_count: isWhole ? run.finding_count : findings.length,
    findings: findings.slice(0, findingsMax),
  };
}

function maySee(principal: Principal, { scope }: AuditRun): boolean {
  return scope.log === null || may(principal, AUDITOR, scope.log);
}

/** Everybody's entries are in doubt where the store, the database or a clock is. */
const EVERYBODYS: ReadonlySet<FindingCode> = new Set<FindingCode>([
  ...(["lock_not_enforced", "vault_unreachable", "clock_skew", "clock_backwards"] as const),
  ...(["index_altered", "index_not_durable", "index_unreachable"] as const),
]);

function concerns(principal: Principal, { log, code }: Finding): boolean {
  if (log !== null) return may(principal, AUDITOR, log);
  return EVERYBODYS.has(code) || mayAll(principal, AUDITOR);
}

/** As the guard makes them: time and number. */
const RUN_ID = /^[0-9-]{1,40}$/;

const CURSOR = "audits ";

function cursorOf({ id }: AuditRun): string {
  return toBase64Url(encodeUtf8(CURSOR + id));
}

function placeOf(ask: Ask): string | null {
  const text = ask.query.text("cursor");
  if (text === null) return null;
  try {
    const place = decodeUtf8(fromBase64Url(text));
    const id = place.slice(CURSOR.length);
    if (place.startsWith(CURSOR) && RUN_ID.test(id)) return id;
  } catch {
    // Not even text.
  }
  throw wrong("cursor", "is not one that this list gave");
}
