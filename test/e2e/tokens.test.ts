/**
 * Tokens on the real parts: rotation with its overlap, last use, `npm run token` while the instance runs and while it does
 * not, and what a restore brings back.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { parseToken } from "../../storage/token.ts";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { call, readWholeLog } from "./client.ts";
import { runCommand } from "./command.ts";
import { makeToken } from "./tokens.ts";
import { until } from "./until.ts";

const PATH = "/v1/logs/demo/entries";

let dir: string;
let instance: TestInstance;
/** Tokens that were made here: none may stand anywhere but where it was handed out. */
const made: string[] = [];
/** An administrator's, made by the operator. */
let operators = "";
/** All that was printed, but for a new token. */
let printed = "";

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "indelible-tokens-"));
  instance = await startInstance({ dataDir: join(dir, "data") });
});
after(async () => {
  await instance.stop();
  await rm(dir, { recursive: true });
});

async function reads(token: string): Promise<number> {
  return (await call(instance.url, PATH, { token })).status;
}

interface Item {
  readonly id: string;
  readonly state: string;
  readonly last_used_at: string | null;
  readonly created_by: string;
  readonly replaces: string | null;
  readonly replaced_by: string | null;
}

async function listed(by: string, id: string): Promise<Item> {
  const reply = await call(instance.url, "/v1/tokens", { token: by });
  return reply.json<{ tokens: Item[] }>().tokens.find((item) => item.id === id)!;
}

async function rotate(by: string, id: string, body: object) {
  const options = { token: by, body: JSON.stringify(body) };
  const reply = await call(instance.url, `/v1/tokens/${id}/rotate`, options);
  assert.equal(reply.status, 201, reply.text);
  return remember(reply.json<{ id: string; token: string }>());
}

function remember<T extends { readonly token: string }>(token: T): T {
  made.push(token.token);
  return token;
}

/** `npm run token` that hands out a token; the new one. */
async function handedOut(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand("token", instance.dataDir, words);
  assert.equal(code, 0, stderr);
  printed += stderr;
  const token = stdout.trimEnd();
  assert.ok(parseToken(token) !== null, "nothing but the token is on standard output");
  return remember({ token }).token;
}

test("a rotated token works until its overlap ends, its successor goes on", async () => {
  const { admin } = instance.tokens;
  const old = remember(await makeToken(instance.url, admin, { roles: ["reader"], logs: ["demo"] }));
  const next = await rotate(admin, old.id, { overlap_seconds: 4 });
  assert.deepEqual([await reads(old.token), await reads(next.token)], [200, 200]);
  await until("the overlap is over", async () => (await reads(old.token)) === 401);
  assert.equal(await reads(next.token), 200);
  const again = await call(instance.url, `/v1/tokens/${old.id}/rotate`, {
    ...{ token: admin, method: "POST" },
  });
  assert.equal(again.status, 409);
  assert.match(again.text, new RegExp(`token_ended.*rotated to ${next.id}`));
  const last = await rotate(admin, next.id, { overlap_seconds: 0 });
  assert.deepEqual([await reads(next.token), await reads(last.token)], [401, 200]);
  const item = await listed(admin, next.id);
  assert.deepEqual([item.state, item.replaced_by], ["rotated", last.id]);
});

test("while the instance runs npm run token asks it; what is made and revoked holds at once", async () => {
  const { dataDir } = instance;
  const admin = await handedOut("create", "--role", "admin", "--log", "*", "--description", "lost");
  const { id } = parseToken(admin)!;
  assert.match((await listed(admin, id)).created_by, /^operator:./);
  operators = await handedOut("rotate", id, "--overlap", "0");
  assert.equal((await call(instance.url, "/v1/tokens", { token: admin })).status, 401);
  const { url, tokens } = instance;
  const victim = remember(
    await makeToken(url, tokens.admin, { roles: ["reader"], logs: ["demo"] }),
  );
  const revoked = await runCommand("token", dataDir, ["revoke", victim.id]);
  assert.equal(revoked.code, 0, revoked.stderr);
  assert.equal(await reads(victim.token), 401);
  const refused = await runCommand("token", dataDir, ["rotate", id]);
  assert.deepEqual([refused.code, refused.stdout], [1, ""]);
  assert.match(refused.stderr, /token_ended/);
  printed += revoked.stdout + revoked.stderr + refused.stderr;
  assert.equal((await stat(join(dataDir, "operator.json"))).mode & 0o777, 0o600);
});

test("a locked-out administrator comes back in while the instance is stopped; a restore keeps it all", async () => {
  const { dataDir, tokens } = instance;
  const { id } = parseToken(tokens.admin)!;
  const revoked = await call(instance.url, `/v1/tokens/${id}`, {
    ...{ method: "DELETE", token: tokens.admin },
  });
  assert.equal(revoked.status, 200);
  // By another administrator: to look is a use, too, and this token's last one must be over.
  const { last_used_at: lastUsedAt } = await listed(operators, id);
  assert.ok(Date.now() - Date.parse(lastUsedAt!) < 180_000);
  printed += instance.output();
  assert.equal(await instance.signal("SIGTERM"), 0);
  await assert.rejects(stat(join(dataDir, "operator.json")), { code: "ENOENT" });

  const out = join(dir, "token");
  const words = ["create", "--role", "admin", "--log", "*", "--log", "_system", "--out", out];
  const ran = await runCommand("token", dataDir, words);
  assert.deepEqual([ran.code, ran.stdout], [0, ""], ran.stderr);
  assert.match(ran.stderr, /its entry in _system is sealed/);
  assert.equal((await stat(out)).mode & 0o777, 0o600);
  const { token } = remember({ token: (await readFile(out, "utf8")).trimEnd() });
  const list = await runCommand("token", dataDir, ["list"]);
  assert.match(list.stdout, new RegExp(`${id} +revoked .* ${lastUsedAt} `));
  assert.match(list.stdout, new RegExp(`${parseToken(token)!.id} +active +admin `));
  printed += ran.stderr + list.stdout + list.stderr;

  // The index is lost: what was made, rotated and revoked stays so.
  await rename(join(dataDir, "libsql"), join(dir, "libsql.lost"));
  const restored = await runCommand("restore", dataDir);
  assert.equal(restored.code, 0, restored.stderr);
  instance = await startInstance({ dataDir });
  const status = async (by: string) =>
    (await call(instance.url, "/v1/tokens", { token: by })).status;
  assert.deepEqual(
    [await status(tokens.admin), await status(operators), await status(token)],
    [401, 200, 200],
  );
  const item = await listed(token, parseToken(operators)!.id);
  assert.deepEqual(
    [item.state, item.created_by],
    ["active", (await listed(token, parseToken(token)!.id)).created_by],
  );
  assert.equal((await listed(token, item.replaces!)).replaced_by, item.id);

  const wanted = { roles: ["auditor"], logs: ["_system"] } as const;
  const auditor = remember(await makeToken(instance.url, token, wanted));
  const system = await readWholeLog(instance.url, "_system", auditor.token);
  const lines = system.lines.filter((line) => line.includes('"type":"operator"'));
  assert.equal(lines.length, 5);
  for (const line of lines) assert.match(line, /^{"by":"system","event":{"action":"token\./);
  printed += instance.output() + system.lines.join("\n");
  for (const each of made) assert.ok(!printed.includes(each.slice(17, 60)), "a secret was printed");
});
