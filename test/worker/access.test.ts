/** Patterns, scopes and tables, without HTTP. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { isLogName } from "../../storage/log/entry.ts";
import { isPattern } from "../../storage/token-rules.ts";
import { covers, liesWithin, mayManage } from "../../worker/access.ts";
import { formatCursor, parseCursor } from "../../worker/cursor.ts";
import type { Principal, Role } from "../../worker/ledger-api.ts";
import { accepts, bodyType } from "../../worker/media.ts";
import { asProblem, PROBLEMS, ProblemError } from "../../worker/problem.ts";
import { parseInteger } from "../../worker/query.ts";

const SEED = Number(process.env["FC_SEED"] ?? Date.now());
const RUNS = { seed: SEED, numRuns: 500 };
console.log(`fast-check seed ${SEED}`);

function admin(...logs: string[]): Principal {
  return {
    ...{ tokenId: "a", by: "token:a", roles: ["admin"], logs },
    ...{ expiresAt: null, networks: [] },
  };
}

test("a pattern is a name, or a prefix and a star; names with a leading _ in full", () => {
  const cases: [string, string, boolean][] = [
    ["acme", "acme", true],
    ["acme", "acme.x", false],
    ["acme.*", "acme.x", true],
    ["acme.*", "acme.x.y", true],
    ["acme.*", "acme", false],
    ["acme*", "acme", true],
    ["acme*", "acmes", true],
    ["*", "acme", true],
    ["*", "_system", false],
    ["_*", "_system", false],
    ["_system", "_system", true],
    ["acme", "*", false],
  ];
  for (const [pattern, log, expected] of cases) {
    assert.equal(covers(pattern, log), expected, `${pattern} ${log}`);
  }
});

test("what can be a pattern", () => {
  for (const text of ["*", "a*", "a.*", "acme-x_y.*", "acme", "_system", "a".repeat(64)]) {
    assert.ok(isPattern(text), text);
  }
  for (const text of [
    "",
    "**",
    "*a",
    "a*b",
    "_*",
    "_sys*",
    "_x",
    "A*",
    "a..*",
    ".*",
    "a b",
    "a/*",
  ]) {
    assert.ok(!isPattern(text), text);
  }
  assert.ok(!isPattern(`${"a".repeat(65)}*`));
});

const name = fc
  .array(fc.constantFrom("a", "b", "ab", ".", "-", "_"), { minLength: 1, maxLength: 6 })
  .map((parts) => parts.join(""));
const logName = fc.oneof(name.filter(isLogName), fc.constantFrom("_system", "_access"));
const pattern = fc.oneof(
  logName,
  name.map((text) => `${text}*`).filter(isPattern),
  fc.constant("*"),
);

test("whatever lies within an administrator's patterns covers nothing that they do not cover", () => {
  fc.assert(
    fc.property(pattern, fc.array(pattern), logName, (inner, outer, log) => {
      const chief = admin(...outer).logs.includes("*");
      if (chief || !liesWithin(admin(...outer), inner) || !covers(inner, log)) return;
      assert.ok(outer.some((each) => covers(each, log)));
    }),
    RUNS,
  );
});

test("only the administrator of * manages administrators and the instance's own logs", () => {
  const token = (roles: readonly Role[], ...logs: string[]) => ({ roles, logs });
  const chief = admin("*");
  const lesser = admin("acme*", "_system");
  assert.ok(mayManage(chief, token(["admin"], "*", "_system")));
  assert.ok(mayManage(lesser, token(["reader", "auditor", "writer"], "acme", "acme.x", "acme.*")));
  assert.ok(!mayManage(lesser, token(["admin"], "acme")));
  assert.ok(!mayManage(lesser, token(["reader"], "_system")));
  assert.ok(!mayManage(lesser, token(["reader"], "acme", "zeta")));
  assert.ok(!mayManage(lesser, token(["reader"], "*")));
  assert.ok(!mayManage(lesser, token(["reader"], "acm*")));
  assert.ok(!mayManage({ ...chief, roles: ["auditor"] }, token(["reader"], "acme")));
});

test("a cursor is read back as it was written, and nothing else is a cursor", () => {
  const cursor = fc.record({
    list: fc.constantFrom("entries" as const, "seals" as const),
    log: logName,
    order: fc.constantFrom("asc" as const, "desc" as const),
    from: fc.maxSafeNat(),
  });
  fc.assert(
    fc.property(cursor, (each) => assert.deepEqual(parseCursor(formatCursor(each)), { ...each })),
    RUNS,
  );
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
      const found = parseCursor(text);
      if (found !== null) assert.equal(formatCursor(found), text);
    }),
    RUNS,
  );
});

test("whole numbers are written in one way only", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (n) => assert.equal(parseInteger(String(n)), n)),
    RUNS,
  );
  for (const text of ["", "-1", "+1", "01", "1.0", "1e3", " 1", "0x1", "9007199254740992"]) {
    assert.equal(parseInteger(text), null, text);
  }
});

test("the table of problems has the contract's codes and statuses", () => {
  const expected: Record<number, string> = {
    400: "invalid_json invalid_event invalid_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "log_unknown entry_unknown route_unknown token_unknown approval_unknown seal_unknown audit_unknown webhook_unknown",
    405: "method_not_allowed",
    408: "request_timeout",
    409: "id_conflict log_exists token_ended approval_decided approval_expired",
    413: "body_too_large too_many_events entry_too_large",
    415: "unsupported_media_type",
    429: "rate_limited",
    500: "internal_error entry_altered batch_altered batch_missing batch_unreadable",
    503: "issuer_unavailable index_unavailable search_behind search_unavailable vault_unreachable clock_backwards clock_skew frozen overloaded",
    504: "seal_timeout",
  };
  const found: Record<number, string[]> = {};
  for (const [code, { status, retryAfterSeconds }] of Object.entries(PROBLEMS)) {
    (found[status] ??= []).push(code);
    if (status === 503) assert.ok(retryAfterSeconds! > 0, code);
  }
  for (const [status, codes] of Object.entries(expected)) {
    assert.deepEqual(found[Number(status)]!.sort(), codes.split(" ").sort());
  }
  assert.deepEqual(Object.keys(found).sort(), Object.keys(expected).sort());
});

test("an error that nobody foresaw says nothing of itself", () => {
  for (const error of [new Error("inside"), "inside", null, undefined, { code: "inside" }]) {
    const problem = asProblem(error);
    assert.equal(problem.code, "internal_error");
    assert.ok(!problem.detail.includes("inside"));
  }
  const own = new ProblemError("forbidden", "no");
  assert.equal(asProblem(own), own);
});

test("the Accept header counts where it names the very type, and not with a weight of zero", () => {
  const ask = (accept?: string) =>
    accepts(
      new Request("http://localhost", accept === undefined ? {} : { headers: { accept } }),
      "application/x-ndjson",
    );
  assert.ok(ask("application/x-ndjson"));
  assert.ok(ask("text/html, Application/X-NDJSON; q=0.5"));
  for (const accept of [undefined, "*/*", "application/json", "application/x-ndjson;q=0.0"]) {
    assert.ok(!ask(accept), accept);
  }
});

test("the type of a body is one of those taken, whatever its case and parameters", () => {
  const ask = (type: string) =>
    bodyType(
      new Request("http://localhost", { method: "POST", headers: { "content-type": type } }),
      ["application/json"],
    );
  for (const type of [
    "application/json",
    "APPLICATION/JSON ; charset=UTF-8",
    "application/json;",
  ]) {
    assert.equal(ask(type), "application/json");
  }
  for (const type of ["application/jsonx", "application/json;charset=utf-16", "application"]) {
    assert.throws(() => ask(type), { code: "unsupported_media_type" });
  }
});
