/** `_system` is kept as long as the longest-kept log, also where that log comes later. */
import assert from "node:assert/strict";
import test from "node:test";
import { SYSTEM_LOG } from "../../storage/log/entry.ts";
import { World } from "./harness.ts";

const DAY_MS = 86_400_000;

async function locksUntilMs(world: World): Promise<number[]> {
  const rows = await world.index.seals(SYSTEM_LOG, { from: 0, limit: 100, order: "asc" });
  const locks = rows.map(({ key, versionId }) => world.vault.lock(key, versionId));
  return (await Promise.all(locks)).map(({ retainUntilMs }) => retainUntilMs);
}

const longLog = { log: "long", retention_days: 3650, description: "", public: false };

test("a log with a longer retention makes the locks of older batches longer", async () => {
  const world = new World();
  const one = await world.start();
  await one.seal(SYSTEM_LOG);
  assert.ok((await locksUntilMs(world)).every((ms) => ms === world.nowMs + 400 * DAY_MS));
  await one.alive(one.administration.createLog("token:admin", longLog));
  await one.seal(SYSTEM_LOG);
  const locks = await locksUntilMs(world);
  assert.ok(locks.length > 1);
  assert.ok(locks.every((ms) => ms === world.nowMs + 3650 * DAY_MS));
  await world.check();
});

test("a process that dies between two locks leaves the rest to the next start", async () => {
  const world = new World();
  const one = await world.start();
  await one.seal(SYSTEM_LOG);
  await one.alive(one.administration.createToken({ by: "token:admin" }, token("first")));
  await one.seal(SYSTEM_LOG);
  let extended = 0;
  one.gate.fault = ({ name }) => {
    if (name !== "vault.extendLock") return undefined;
    extended += 1;
    return extended === 2 ? "before" : undefined;
  };
  await assert.rejects(one.alive(one.administration.createLog("token:admin", longLog)));
  world.crash();
  const two = await world.start();
  await two.alive(two.administration.createToken({ by: "token:admin" }, token("second")));
  await two.seal(SYSTEM_LOG);
  assert.ok((await locksUntilMs(world)).every((ms) => ms >= world.nowMs + 3650 * DAY_MS));
  await world.check();
});

function token(id: string) {
  const sha256 = id
    .padEnd(64, "0")
    .replace(/[^0-9a-f]/g, "0")
    .replace(/^./, id === "first" ? "1" : "2");
  const rights = { roles: ["reader"], logs: ["a"], networks: [], description: "" };
  return { id: `${id}0000000`.slice(0, 12), ...rights, expires_at: null, sha256 };
}
