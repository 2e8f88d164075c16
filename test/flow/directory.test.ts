/** What one worker writes to `_system`, another on the same database follows: soon, once for all who ask, and never from an edited row. */
import assert from "node:assert/strict";
import test from "node:test";
import { BLIND_MS_MAX, LOOK_MS } from "../../storage/flow/directory.ts";
import { SYSTEM_LOG } from "../../storage/log/entry.ts";
import { until, World, type Process } from "./harness.ts";

const ADMIN = { by: "token:admin" };
const hash = "a".repeat(64);
const TOKEN = {
  ...{ id: "t", roles: ["writer"], logs: ["a"], expires_at: null, networks: [] },
  ...{ description: "", sha256: hash },
};

const works = ({ ledger }: Process): boolean => ledger.directory.tokenBySha256.has(hash);

/** Two workers, and a token that both know. */
async function makeTwo() {
  const world = new World();
  const one = await world.start();
  await one.alive(one.administration.createToken(ADMIN, TOKEN));
  const two = await world.start();
  assert.ok(works(two));
  return { world, one, two };
}

const revoke = (by: Process) => by.alive(by.administration.revokeToken(ADMIN, "t"));

test("a revocation is known to the other worker once its last look is half a second old", async () => {
  const { world, one, two } = await makeTwo();
  await revoke(one);
  await two.ledger.current();
  assert.ok(works(two), "it has not looked");
  let looks = 0;
  two.gate.fault = ({ name }) => {
    if (name === "index.chunks") looks += 1;
    return undefined;
  };
  world.nowMs += LOOK_MS + 1;
  await Promise.all(Array.from({ length: 100 }, () => two.ledger.current()));
  assert.equal(works(two), false);
  assert.equal(looks, 2, "one for what there is, one for its end");
  await two.ledger.current();
  assert.equal(looks, 2);
  world.nowMs -= 10_000;
  await two.ledger.current();
  assert.equal(looks, 3, "a clock that went back makes nothing fresh");
  world.nowMs += 10_000;
  // Its own commits go on behind what it followed.
  await two.alive(
    two.administration.createToken(ADMIN, { ...TOKEN, id: "u", sha256: "b".repeat(64) }),
  );
  assert.equal(two.ledger.directory.size, two.size(SYSTEM_LOG));
  await world.check();
});

test("without the index what is known holds for a minute, then nobody is let in until it is back", async () => {
  const { world, one, two } = await makeTwo();
  await revoke(one);
  let looks = 0;
  two.gate.fault = ({ name }) => {
    if (name !== "index.chunks") return undefined;
    looks += 1;
    return "refuse";
  };
  world.nowMs += LOOK_MS + 1;
  await two.ledger.current();
  assert.ok(works(two));
  assert.equal(looks, 1);
  world.nowMs += BLIND_MS_MAX;
  await assert.rejects(two.ledger.current(), { code: "index_unavailable" });
  await until(() => looks > 2, "another look: an index that is being restarted is waited for");
  two.gate.fault = () => undefined;
  world.nowMs += LOOK_MS + 1;
  void two.ledger.current().catch(() => {});
  await until(() => !works(two), "the look");
  await two.ledger.current();
  const said = world.reports.filter(({ message }) => message.startsWith("changes of tokens"));
  assert.deepEqual(
    said.map(({ level }) => level),
    ["warn", "info"],
  );
});

test("a commit whose answer is lost may be met by a look before it is known here", async () => {
  const { world, one } = await makeTwo();
  let sent = 0;
  one.gate.fault = ({ name }) => {
    if (name !== "index.commit") return undefined;
    sent += 1;
    return sent < 5 ? "keep" : undefined;
  };
  const revoked = revoke(one);
  await until(
    () => sent > 0 && world.index.store.heads.get(SYSTEM_LOG)!.size > one.size(SYSTEM_LOG),
    "the commit",
  );
  world.nowMs += LOOK_MS + 1;
  await one.ledger.current();
  assert.equal(works(one), false, "it is in the index, so it holds");
  await revoked;
  await one.alive(
    one.administration.createToken(ADMIN, { ...TOKEN, id: "u", sha256: "b".repeat(64) }),
  );
  assert.equal(one.ledger.directory.size, one.size(SYSTEM_LOG));
  assert.deepEqual(one.ledger.directory.unreadable, []);
  await world.check();
});

test("a line that does not continue the log is not followed, and freezes _system", async () => {
  const { world, one, two } = await makeTwo();
  await revoke(one);
  const chunks = world.index.store.chunks.get(SYSTEM_LOG)!;
  const last = chunks.at(-1)!;
  chunks[chunks.length - 1] = { ...last, lines: last.lines.replace('"id":"t"', '"id":"x"') };
  world.nowMs += LOOK_MS + 1;
  await two.ledger.current();
  assert.equal(two.ledger.state(SYSTEM_LOG)!.frozen?.code, "entry_altered");
  world.nowMs += BLIND_MS_MAX + 1;
  await assert.rejects(two.ledger.current(), { code: "index_unavailable" });
});
