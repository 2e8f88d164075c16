/** Tokens through the ledger: a rotation is one commit, has one overlap, and holds after a start; a revocation wins over it. */
import assert from "node:assert/strict";
import test from "node:test";
import { SYSTEM_LOG } from "../../storage/log/entry.ts";
import { World, type Process } from "./harness.ts";

const ADMIN = { by: "token:admin" };
const HOUR_MS = 3_600_000;

const hash = (letter: string): string => letter.repeat(64);
const fields = (id: string, letter: string, expires_at: string | null = null) => ({
  ...{ id, roles: ["writer"], logs: ["a"], expires_at, networks: ["10.0.0.0/8"] },
  ...{ description: "d", sha256: hash(letter) },
});
const next = (id: string, letter: string) => ({ id, sha256: hash(letter), expires_at: null });
const at = (world: World, laterMs: number) => new Date(world.nowMs + laterMs).toISOString();

async function withToken(world: World): Promise<Process> {
  const one = await world.start();
  await one.alive(one.administration.createToken(ADMIN, fields("old", "a")));
  return one;
}

test("a rotation is one commit of two entries, and holds after a crash and a start", async () => {
  const world = new World();
  let one = await withToken(world);
  const size = one.size(SYSTEM_LOG);
  const endsAt = at(world, HOUR_MS);
  const rotation = { id: "old", to: next("new", "b"), endsAt };
  await one.alive(one.administration.rotateToken(ADMIN, rotation));
  const [chunk] = await world.index.chunks(SYSTEM_LOG, { from: size, to: size + 2 });
  assert.deepEqual([chunk!.first, chunk!.count], [size, 2]);
  for (const look of ["before", "after a start"]) {
    const { tokens, tokenBySha256 } = one.ledger.directory;
    const [old, made] = [tokens.get("old")!, tokens.get("new")!];
    assert.deepEqual(
      [old.replacedBy, old.rotatedUntil, old.endsAtMs, old.revokedAt],
      ["new", endsAt, world.nowMs + HOUR_MS, null],
      look,
    );
    assert.equal(tokenBySha256.get(hash("a")), old, look);
    assert.equal(tokenBySha256.get(hash("b")), made, look);
    assert.deepEqual(
      [made.replaces, made.roles, made.logs, made.networks, made.description],
      ["old", ["writer"], ["a"], ["10.0.0.0/8"], "d"],
    );
    world.crash();
    one = await world.start();
  }
  await world.check();
});

test("without an overlap the old token ends with the rotation's own entry", async () => {
  const world = new World();
  const one = await withToken(world);
  world.nowMs += 10;
  const rotation = { id: "old", to: next("new", "b"), endsAt: null };
  await one.alive(one.administration.rotateToken(ADMIN, rotation));
  assert.equal(one.ledger.directory.tokens.get("old")!.endsAtMs, world.nowMs);
});

test("what has ended is not rotated, nor is a token rotated twice; a revocation ends an overlap", async () => {
  const world = new World();
  const one = await withToken(world);
  const { administration } = one;
  const rotate = (id: string, to: ReturnType<typeof next>) =>
    one.alive(
      administration.rotateToken(ADMIN, {
        ...{ id, to, endsAt: at(world, HOUR_MS) },
      }),
    );
  const short = fields("short", "c", at(world, HOUR_MS));
  await one.alive(administration.createToken(ADMIN, short));
  await rotate("old", next("new", "b"));
  const size = one.size(SYSTEM_LOG);
  await assert.rejects(rotate("old", next("more", "d")), /was rotated to new already/);
  await assert.rejects(rotate("new", next("old", "d")), /there is a token old already/);
  await assert.rejects(rotate("none", next("more", "d")), { code: "token_unknown" });
  await one.alive(administration.revokeToken(ADMIN, "old"));
  assert.equal(one.ledger.directory.tokenBySha256.has(hash("a")), false);
  await assert.rejects(rotate("old", next("more", "d")), { code: "token_ended" });
  world.nowMs += HOUR_MS;
  await assert.rejects(rotate("short", next("more", "d")), /has expired/);
  assert.equal(one.size(SYSTEM_LOG), size + 1);
  await world.check();
});

test("two rotations of one token at once: one is made", async () => {
  const world = new World();
  const one = await withToken(world);
  const both = await Promise.allSettled(
    ["b", "c"].map((letter) =>
      one.administration.rotateToken(ADMIN, {
        ...{ id: "old", to: next(letter, letter), endsAt: null },
      }),
    ),
  );
  assert.deepEqual(both.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
});

test("the operator's change is a line of the instance's own, whose actor he is", async () => {
  const world = new World();
  const one = await world.start();
  const operator = { by: "system", actor: "operator:root" };
  await one.alive(one.administration.createToken(operator, fields("made", "a")));
  const token = one.ledger.directory.tokens.get("made")!;
  assert.equal(token.createdBy, "operator:root");
  const chunks = await world.index.chunks(SYSTEM_LOG, { from: 0, to: one.size(SYSTEM_LOG) });
  const last = chunks.at(-1)!.lines.split("\n").at(-1)!;
  assert.match(
    last,
    /^{"by":"system","event":{"action":"token.created","actor":{"id":"operator:root","type":"operator"}/,
  );
});
