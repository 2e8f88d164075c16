/** Audits over HTTP: what may be asked for, by whom, and that nobody sees more than his own logs. */
import assert from "node:assert/strict";
import test from "node:test";
import { event, LOG, makeFake, OTHER_LOG, problemIn, type Fake } from "./fake.ts";

interface Item {
  readonly id: string;
  readonly by: string;
  readonly scope: { readonly log: string | null };
  readonly coverage: object | null;
  readonly finding_count: number;
  readonly findings: readonly { readonly log: string | null; readonly code: string }[];
}

async function list(fake: Fake, token: string, query = "") {
  const answer = await fake.ask("GET", `/v1/audits${query}`, { token });
  assert.equal(answer.status, 200);
  return (await answer.json()) as { audits: Item[]; next_cursor: string | null };
}

test("asking for an audit answers 202 with the run and its address, under the asker's name", async () => {
  const fake = await makeFake();
  const writer = fake.token(["writer"]);
  const body = ["a", "b", "c"].map((action) => event(action));
  await fake.ask("POST", `/v1/logs/${LOG}/entries`, { token: writer, body });
  const token = fake.token(["auditor"]);
  const range = { log: LOG, from: 1, to: 3 };
  const asked = await fake.ask("POST", "/v1/audits", { token, body: range });
  assert.equal(asked.status, 202);
  const run = (await asked.json()) as Item;
  assert.deepEqual(run.scope, range);
  assert.equal(run.by, `token:${token.slice(4, 16)}`);
  const location = asked.headers.get("location")!;
  assert.equal(location, `/v1/audits/${run.id}`);
  const found = await fake.ask("GET", location, { token });
  assert.deepEqual(await found.json(), run);
});

test("all logs are for auditors of *; without a body they are what is asked for", async () => {
  const fake = await makeFake();
  const chief = fake.token(["auditor"], ["*"]);
  assert.equal((await fake.ask("POST", "/v1/audits", { token: chief })).status, 202);
  const bound = fake.token(["auditor"]);
  const refused = await problemIn(await fake.ask("POST", "/v1/audits", { token: bound }));
  assert.deepEqual([refused.status, refused.code], [403, "forbidden"]);
  // A role of another rule does not count.
  const other = fake.token(["writer"], ["*"]);
  assert.equal((await fake.ask("POST", "/v1/audits", { token: other })).status, 403);
});

const WRONG: readonly (readonly [object, number, RegExp])[] = [
  [{ log: "UPPER" }, 400, /^\/log$/],
  [{ log: LOG, from: -1 }, 400, /^\/from$/],
  [{ log: LOG, from: 0.5 }, 400, /^\/from$/],
  [{ log: LOG, from: 2, to: 2 }, 400, /^\/to$/],
  [{ log: LOG, from: 99 }, 400, /^\/from$/],
  [{ from: 1 }, 400, /^\/log$/],
  [{ log: LOG, extra: 1 }, 400, /^\/extra$/],
];
for (const [body, status, pointer] of WRONG) {
  test(`${JSON.stringify(body)} is refused with the place named`, async () => {
    const fake = await makeFake();
    const token = fake.token(["auditor"], ["*", LOG]);
    const problem = await problemIn(await fake.ask("POST", "/v1/audits", { token, body }));
    assert.equal(problem.status, status);
    assert.match(problem.errors![0]!.pointer, pointer);
    assert.equal(fake.auditor.all.length, 1, "nothing was asked for");
  });
}

test("a foreign log looks like one that is not there; one of one's own that is not there is 404", async () => {
  const fake = await makeFake();
  const token = fake.token(["auditor"], ["acme.*"]);
  const ask = async (log: string) =>
    problemIn(await fake.ask("POST", "/v1/audits", { token, body: { log } }));
  const [foreign, absent, own] = [await ask(OTHER_LOG), await ask("zeta.no"), await ask("acme.no")];
  assert.deepEqual(
    [foreign.code, absent.code, own.code],
    ["forbidden", "forbidden", "log_unknown"],
  );
  assert.equal(foreign.detail, absent.detail);
});

test("too many requests are told to wait", async () => {
  const fake = await makeFake();
  fake.auditor.refusal = { code: "rate_limited", detail: "8 audits wait", retryAfterSeconds: 30 };
  const token = fake.token(["auditor"], ["*"]);
  const answer = await fake.ask("POST", "/v1/audits", { token });
  assert.deepEqual([answer.status, answer.headers.get("retry-after")], [429, "30"]);
});

test("of an audit of all logs everybody sees what concerns him, and of others' logs nothing", async () => {
  const fake = await makeFake();
  const whole = fake.auditor.add({ log: null }, [LOG, OTHER_LOG, null]);
  const foreign = fake.auditor.add({ log: OTHER_LOG }, [OTHER_LOG]);
  const [own, chief] = [fake.token(["auditor"]), fake.token(["auditor"], ["*"])];
  const mine = (await list(fake, own)).audits;
  assert.deepEqual(
    mine.map(({ id, coverage, finding_count }) => [id, coverage === null, finding_count]),
    [
      [whole.id, true, 1],
      ["1", false, 0],
    ],
  );
  assert.deepEqual(
    mine[0]!.findings.map(({ log }) => log),
    [LOG],
  );
  const all = (await list(fake, chief)).audits;
  assert.deepEqual(
    all.map(({ id, finding_count }) => [id, finding_count]),
    [
      [foreign.id, 1],
      [whole.id, 3],
      ["1", 0],
    ],
  );
  const hidden = await fake.ask("GET", `/v1/audits/${foreign.id}`, { token: own });
  const absent = await fake.ask("GET", "/v1/audits/12345", { token: own });
  for (const answer of [hidden, absent]) {
    const { status, code, detail } = await problemIn(answer);
    const expected = [404, "audit_unknown", "there is no audit of this id"];
    assert.deepEqual([status, code, detail], expected);
  }
});

test("the list comes in pages, the newest first, each run once", async () => {
  const fake = await makeFake();
  // Every third is of another log, which this token does not see.
  for (let n = 0; n < 300; n++) fake.auditor.add({ log: n % 3 === 0 ? OTHER_LOG : LOG });
  const token = fake.token(["auditor"]);
  const seen: string[] = [];
  for (let query: string | null = "?limit=30"; query !== null;) {
    const page: Awaited<ReturnType<typeof list>> = await list(fake, token, query);
    seen.push(...page.audits.map(({ id }) => id));
    query = page.next_cursor === null ? null : `?limit=30&cursor=${page.next_cursor}`;
  }
  const expected = fake.auditor.all.filter(({ scope }) => scope.log === LOG).map(({ id }) => id);
  assert.deepEqual(seen, expected.reverse());
  for (const query of ["?limit=101", "?limit=0", "?cursor=x", "?cursor=YXVkaXRzIGE"]) {
    const answer = await fake.ask("GET", `/v1/audits${query}`, { token });
    assert.equal((await problemIn(answer)).code, "invalid_request", query);
  }
});

test("a list shows the first findings of a run, the run all of them", async () => {
  const fake = await makeFake();
  const run = fake.auditor.add({ log: LOG }, Array<string>(9).fill(LOG));
  const token = fake.token(["auditor"]);
  const [listed] = (await list(fake, token)).audits;
  assert.deepEqual([listed!.findings.length, listed!.finding_count], [5, 9]);
  const whole = await fake.ask("GET", `/v1/audits/${run.id}`, { token });
  assert.equal(((await whole.json()) as Item).findings.length, 9);
});

test("open findings: one's own logs, what concerns everybody, and the rest for auditors of *", async () => {
  const fake = await makeFake();
  fake.auditor.addOpen(LOG);
  fake.auditor.addOpen(OTHER_LOG);
  fake.auditor.addOpen(null, "lock_not_enforced");
  fake.auditor.addOpen(null, "extra_version");
  fake.auditor.more = 7;
  const shown = async (logs: readonly string[]) => {
    const token = fake.token(["auditor"], logs);
    const answer = await fake.ask("GET", "/v1/findings", { token });
    const { findings, more } = (await answer.json()) as {
      findings: Item["findings"];
      more: number;
    };
    return [findings.map(({ log, code }) => `${log} ${code}`), more];
  };
  const own = [`${LOG} entry_altered`, "null lock_not_enforced"];
  assert.deepEqual(await shown([LOG]), [own, 0]);
  const all = [own[0], `${OTHER_LOG} entry_altered`, own[1], "null extra_version"];
  assert.deepEqual(await shown(["*"]), [all, 7]);
});
