/** Two people: what lowers a guard waits for another administrator, through crashes, races and changes of mind. */
import assert from "node:assert/strict";
import test from "node:test";
import { SYSTEM_LOG, decodeLine } from "../../storage/log/entry.ts";
import { encodeJson } from "../../storage/log/json.ts";
import type { TokenCreated } from "../../storage/log/system.ts";
import { Administration } from "../../storage/flow/administration.ts";
import { MemoryIndex } from "../index/memory-index.ts";
import { ORIGIN, World, type Process } from "./harness.ts";

const HOUR_MS = 3_600_000;

const token = (id: string, fields: Partial<TokenCreated> = {}): TokenCreated => ({
  ...{ id, roles: ["admin"], logs: ["*"], networks: [], description: "", expires_at: null },
  sha256: Buffer.from(id).toString("hex").padEnd(64, "0"),
  ...fields,
});

/** An instance that requires two people, with two administrators that the operator made. */
async function twoPersons(): Promise<{ world: World; one: Process }> {
  const world = new World();
  world.rules = { twoPerson: true, approvalHours: 24 };
  const one = await world.start();
  for (const id of ["ada", "bob"]) {
    await one.alive(one.administration.createToken({ by: "system" }, token(id)));
  }
  return { world, one };
}

const create = (one: Process, by: string, wanted: TokenCreated) =>
  one.alive(one.administration.createToken({ by: `token:${by}` }, wanted));
const publish = (one: Process, by: string, log = "a") =>
  one.alive(one.administration.changeLog(`token:${by}`, { log, public: true }));
const decide = (one: Process, by: string, id: string | null, granted = true, reason = "") =>
  one.alive(one.administration.decide(`token:${by}`, { id: id!, granted, reason }));
const isPublic = (one: Process) => one.ledger.directory.logs.get("a")?.public;
const restart = async (world: World) => {
  world.crash();
  return world.start();
};

/** Action, who wrote it and for whom, of the last entries of `_system`. */
async function lastOfSystem(world: World, count: number): Promise<string[]> {
  const chunks = await world.index.chunks(SYSTEM_LOG, { from: 0, to: 1_000 });
  const lines = chunks.flatMap(({ lines: text }) => text.split("\n")).slice(-count);
  return lines.map((line) => {
    const { action, by, eventJson } = decodeLine(line);
    return `${action} ${by} ${encodeJson(eventJson["details"]!)}`;
  });
}

test("a log is made public by two administrators, and both are on record", async () => {
  const { world, one } = await twoPersons();
  const { approval, sealed } = await publish(one, "ada");
  assert.ok(sealed);
  assert.equal(isPublic(one), false);
  await decide(one, "bob", approval, true, "agreed");
  assert.equal(isPublic(one), true);
  assert.deepEqual(await lastOfSystem(world, 3), [
    `approval.requested token:ada {"action":"log.changed","because":"a log that everybody may read","change":{"log":"a","public":true},"expires_at":"2026-03-02T00:00:00.000Z","id":"${approval}"}`,
    `approval.granted token:bob {"id":"${approval}","reason":"agreed"}`,
    `log.changed token:bob {"approval":"${approval}","log":"a","public":true}`,
  ]);
  await world.check();
});

test("what waits is still there after a crash, and from the vault alone", async () => {
  const { world, one } = await twoPersons();
  const { approval } = await create(one, "ada", token("eve"));
  assert.ok(!one.ledger.directory.tokens.has("eve"));
  const two = await restart(world);
  assert.ok(!two.ledger.directory.tokens.has("eve"));
  await decide(two, "bob", approval);
  const made = two.ledger.directory.tokens.get("eve")!;
  assert.equal(made.createdBy, "token:ada");
  assert.equal(two.ledger.directory.tokenBySha256.get(token("eve").sha256), made);
  const open = await publish(two, "ada");
  await two.seal(SYSTEM_LOG);
  world.crash();
  world.index = new MemoryIndex();
  const three = await world.start();
  assert.equal(three.ledger.directory.tokens.get("eve")?.createdBy, "token:ada");
  await assert.rejects(decide(three, "bob", approval), { code: "approval_decided" });
  await decide(three, "bob", open.approval);
  assert.equal(isPublic(three), true);
  await world.check();
});

test("each guard waits, and nothing else does", async () => {
  const { world, one } = await twoPersons();
  const waits = async (work: Promise<{ approval: string | null }>) =>
    (await work).approval !== null;
  const reader = (id: string, logs: string[]) => token(id, { roles: ["reader"], logs });
  for (const [id, logs] of [
    ["w1", ["*"]],
    ["w2", ["a", "_system"]],
    ["w3", ["_access"]],
    ["w4", ["b", "c*"]],
  ] as const) {
    assert.ok(await waits(create(one, "ada", reader(id, [...logs]))), id);
  }
  assert.ok(await waits(create(one, "ada", token("w5", { logs: ["a"] }))));
  assert.ok(!(await waits(create(one, "ada", reader("n1", ["a", "acme.*", "co*"])))));
  const log = { log: "new", retention_days: 1, description: "" };
  const make = (fields: typeof log & { public: boolean }) =>
    waits(one.alive(one.administration.createLog("token:ada", fields)));
  assert.ok(await make({ ...log, public: true }));
  assert.ok(!(await make({ ...log, public: false })));
  const change = (fields: object) =>
    waits(one.alive(one.administration.changeLog("token:ada", { log: "a", ...fields })));
  assert.ok(!(await change({ retention_days: 60, public: false, description: "d" })));
  assert.ok(await change({ retention_days: 90, public: true }));
  assert.equal(one.ledger.directory.logs.get("a")?.retentionDays, 60);
  // Whoever rotates a token is shown the new one: his own he may, another's with all rights not.
  const rotate = (id: string, to: string) =>
    waits(
      one.alive(
        one.administration.rotateToken(
          { by: "token:ada" },
          { id, to: { ...token(to), expires_at: null }, endsAt: null },
        ),
      ),
    );
  assert.ok(await rotate("bob", "r1"));
  assert.ok(!(await rotate("n1", "r2")));
  assert.ok(!(await rotate("ada", "r3")));
  await world.check();
});

test("who asked does not decide: with no token that he made, rotated or got by one of those", async () => {
  const { world, one } = await twoPersons();
  const { approval } = await publish(one, "ada");
  await assert.rejects(decide(one, "ada", approval), { code: "forbidden" });
  await assert.rejects(decide(one, "ada", approval, false), { code: "forbidden" });
  // A second token of her own, which bob took for another person's, and one more that was made with it.
  await decide(one, "bob", (await create(one, "ada", token("ann"))).approval);
  await decide(one, "bob", (await create(one, "ann", token("amy"))).approval);
  const to = { ...token("ava"), expires_at: null };
  await one.alive(
    one.administration.rotateToken(
      { by: "token:ada" },
      { id: "ada", to, endsAt: "2027-01-01T00:00:00Z" },
    ),
  );
  for (const own of ["ann", "amy", "ava"]) {
    await assert.rejects(decide(one, own, approval), { code: "forbidden" }, own);
  }
  const byAmy = await publish(one, "amy", "b");
  for (const own of ["ada", "ann", "ava"]) {
    await assert.rejects(decide(one, own, byAmy.approval), { code: "forbidden" }, own);
  }
  assert.equal(isPublic(one), false);
  const two = await restart(world);
  await assert.rejects(decide(two, "ann", approval), { code: "forbidden" });
  await decide(two, "bob", approval);
  await world.check();
});

test("tokens that were made before two people were required are other people's", async () => {
  const world = new World();
  const one = await world.start();
  await one.alive(one.administration.createToken({ by: "system" }, token("ada")));
  assert.equal((await create(one, "ada", token("bob"))).approval, null);
  world.rules = { twoPerson: true, approvalHours: 24 };
  const two = await restart(world);
  const { approval } = await publish(two, "ada");
  await decide(two, "bob", approval);
  assert.equal(isPublic(two), true);
  await world.check();
});

test("of two decisions at once one counts", async () => {
  const { world, one } = await twoPersons();
  await one.alive(one.administration.createToken({ by: "system" }, token("cid")));
  const { approval } = await publish(one, "ada");
  const size = one.size(SYSTEM_LOG);
  const outcomes = await Promise.allSettled([
    decide(one, "bob", approval, true),
    decide(one, "cid", approval, false),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["fulfilled", "rejected"],
  );
  assert.equal((outcomes[1] as PromiseRejectedResult).reason.code, "approval_decided");
  assert.equal(one.size(SYSTEM_LOG), size + 2);
  await world.check();
});

test("two workers that decide differently: the first counts, and what was granted behind it is not done", async () => {
  const { world, one } = await twoPersons();
  const { approval } = await publish(one, "ada");
  const two = await world.start();
  await decide(one, "bob", approval, false);
  // The other worker does not know of it yet: it writes a grant and the change, which come too late.
  await assert.rejects(decide(two, "bob", approval, true), { code: "internal_error" });
  assert.equal(isPublic(two), false);
  assert.equal(two.ledger.directory.approvals.records.get(approval!)?.decision?.granted, false);
  const three = await restart(world);
  assert.equal(isPublic(three), false);
  await world.check();
});

test("an approval ends with its time, with its refusal, and with the token that asked for it", async () => {
  const { world, one } = await twoPersons();
  const late = await publish(one, "ada");
  world.nowMs += 24 * HOUR_MS - 1;
  const [refused, orphan] = [await publish(one, "ada"), await publish(one, "ada")];
  world.nowMs += 1;
  const size = one.size(SYSTEM_LOG);
  await assert.rejects(decide(one, "bob", late.approval), { code: "approval_expired" });
  await decide(one, "bob", refused.approval, false, "not this one");
  await assert.rejects(decide(one, "bob", refused.approval), { code: "approval_decided" });
  await assert.rejects(decide(one, "bob", "none"), { code: "approval_unknown" });
  await one.alive(one.administration.revokeToken({ by: "token:bob" }, "ada"));
  await assert.rejects(decide(one, "bob", orphan.approval), { code: "approval_expired" });
  await assert.rejects(publish(one, "ada"), { code: "unauthenticated" });
  await decide(one, "bob", orphan.approval, false);
  assert.equal(one.size(SYSTEM_LOG), size + 3);
  assert.equal(isPublic(one), false);
  await world.check();
});

test("what is granted is looked at again: it must still be possible", async () => {
  const { world, one } = await twoPersons();
  const wide = await one.alive(
    one.administration.changeLog("token:ada", { log: "a", public: true, retention_days: 60 }),
  );
  await one.alive(one.administration.changeLog("token:bob", { log: "a", retention_days: 90 }));
  await assert.rejects(decide(one, "bob", wide.approval), { code: "invalid_request" });
  const log = { log: "open", retention_days: 1, description: "", public: true };
  const made = await one.alive(one.administration.createLog("token:ada", log));
  await decide(one, "bob", made.approval);
  await one.append("open", [world.event()]);
  // Twice the same: the second grant finds nothing left to do.
  const [first, second] = [await publish(one, "ada"), await publish(one, "ada")];
  await decide(one, "bob", first.approval);
  const size = one.size(SYSTEM_LOG);
  await decide(one, "bob", second.approval);
  assert.equal(one.size(SYSTEM_LOG), size + 1);
  await world.check();
});

test("two workers decide at once: the first on record counts, and the other is told so", async () => {
  const { world, one } = await twoPersons();
  await one.alive(one.administration.createToken({ by: "system" }, token("carl")));
  const { approval } = await publish(one, "ada");
  const two = await world.start();
  await decide(two, "bob", approval);
  assert.equal(isPublic(one), false, "the first worker has not looked since");
  await assert.rejects(decide(one, "carl", approval, false), { code: "approval_decided" });
  assert.equal(isPublic(one), true);
  assert.equal(isPublic(await restart(world)), true);
});

test("switching it on, off, and for how long it waits, is on record once; off holds only once it is", async () => {
  const world = new World();
  await world.start();
  world.rules = { twoPerson: true, approvalHours: 48 };
  const two = await restart(world);
  const [onRecord, hours] = await lastOfSystem(world, 2);
  assert.equal(onRecord, 'instance.setting system {"name":"two_person","value":"on"}');
  assert.equal(hours, 'instance.setting system {"name":"approval_hours","value":"48"}');
  // Configured off, and not said yet: a start says so before it is ready.
  const rules = {
    twoPerson: false,
    approvalHours: 48,
    newId: () => "early",
    nowMs: () => world.nowMs,
  };
  const early = new Administration(two.ledger, rules);
  const change = { log: "a", public: true };
  assert.equal((await two.alive(early.changeLog("token:t", change))).approval, "early");
  await restart(world);
  const settings = (await lastOfSystem(world, 9)).filter((line) => /^instance.setting/.test(line));
  assert.deepEqual(settings, [onRecord, hours]);
  world.rules = { twoPerson: false, approvalHours: 48 };
  world.crash();
  const off = await world.start();
  assert.equal(off.ledger.directory.twoPerson, false);
  assert.deepEqual(await lastOfSystem(world, 1), [
    'instance.setting system {"name":"two_person","value":"off"}',
  ]);
  await off.alive(off.administration.createToken({ by: "system" }, token("ada")));
  assert.equal((await publish(off, "ada")).approval, null);
  assert.equal(off.ledger.directory.origin, ORIGIN);
  await world.check();
});
