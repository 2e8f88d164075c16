/**
 * Every row of the comparison at a start (PROTOCOL §4), on a whole instance: index, memo and vault are put back, taken
 * away or damaged while it rests, and the next start finds out. One folder goes through all of it, so each
 * row also meets what the ones before have left.
 */
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { MemoFile } from "../../scripts/recover/memo-file.ts";
import { readRunning } from "../../scripts/parts/data-folder.ts";
import { endProcess } from "../../scripts/parts/process-identity.ts";
import { call, readWholeLog, type Acknowledged, type Reply } from "../e2e/client.ts";
import { runCommand, verify } from "../e2e/command.ts";
import { listSeals, sealNow, sealReply } from "../e2e/sealing.ts";
import { until } from "../e2e/until.ts";
import { startInstance, type TestInstance } from "../parts/instance.ts";

/** Nothing is sealed unless a test asks for it, or the instance is stopped in order. */
const ENV = { INDELIBLE_SEAL_SECONDS: "3600" };

let dataDir: string;
let aside: string;
let instance: TestInstance | null = null;
/** Hash of every acknowledged entry of `demo` that must still be there, by seq. */
const acknowledged = new Map<number, string>();

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "indelible-back-"));
  aside = await mkdtemp(join(tmpdir(), "indelible-aside-"));
});
after(async () => {
  await instance?.stop();
  for (const folder of [dataDir, aside]) await rm(folder, { recursive: true });
});

async function start(): Promise<void> {
  try {
    instance = await startInstance({ dataDir, env: ENV });
  } catch (error) {
    const running = readRunning(dataDir);
    if (running !== null) await endProcess(running.supervisor, 10_000);
    throw error;
  }
}

async function stop(): Promise<void> {
  await instance?.stop();
  instance = null;
}

/** As a power cut would: nothing is sealed any more. */
async function kill(): Promise<void> {
  const { parts } = instance!.running();
  await instance!.killSupervisor();
  await Promise.all(Object.values(parts).map((part) => endProcess(part, 0)));
  instance = null;
}

async function keep(name: string, what: "libsql" | "ledger"): Promise<void> {
  await cp(join(dataDir, what), join(aside, name), { recursive: true });
}

async function putBack(name: string, what: "libsql" | "ledger"): Promise<void> {
  await rm(join(dataDir, what), { recursive: true });
  await cp(join(aside, name), join(dataDir, what), { recursive: true });
}

function send(...ids: string[]): Promise<Reply> {
  const events = ids.map((id) => ({ action: "sent", actor: { id: "a" }, id }));
  const { url, tokens } = instance!;
  const body = JSON.stringify(events);
  return call(url, "/v1/logs/demo/entries", { token: tokens.demo, body });
}

async function append(...ids: string[]): Promise<Acknowledged> {
  const reply = await until("demo takes entries", async () => {
    const sent = await send(...ids);
    return sent.status === 503 && !sent.text.includes("_behind") ? null : sent;
  });
  assert.equal(reply.status, 201, reply.text);
  const answer = reply.json<Acknowledged & Record<string, unknown>>();
  for (const { seq, hash } of answer.entries) acknowledged.set(seq, hash);
  return answer;
}

interface WrittenEvent {
  readonly action: string;
  readonly details?: { readonly logs?: readonly string[] };
}

async function eventsOf(log: string): Promise<WrittenEvent[]> {
  const { url, tokens } = instance!;
  const token = log === "demo" ? tokens.demo : await auditor();
  const { lines } = await readWholeLog(url, log, token);
  return lines.map((line) => (JSON.parse(line) as { event: WrittenEvent }).event);
}

const actions = async (log: string): Promise<string[]> =>
  (await eventsOf(log)).map(({ action }) => action);

let auditorToken = "";
/** May read `_system`. */
async function auditor(): Promise<string> {
  if (auditorToken !== "") return auditorToken;
  const body = JSON.stringify({ roles: ["auditor", "reader"], logs: ["_system"] });
  const { url, tokens } = instance!;
  const reply = await call(url, "/v1/tokens", { token: tokens.admin, body });
  assert.equal(reply.status, 201, reply.text);
  auditorToken = reply.json<{ token: string }>().token;
  return auditorToken;
}

/** Everything that was acknowledged and not given up is in its place. */
async function assertWhole(size: number): Promise<void> {
  const { leaves } = await readWholeLog(instance!.url, "demo", instance!.tokens.demo);
  assert.equal(leaves.length, size);
  for (const [seq, hash] of acknowledged) assert.equal(leaves[seq], hash, `entry ${seq}`);
}

test("the index from the vault alone: ids, tokens and places go on", async () => {
  await start();
  await auditor();
  await append("a", "b", "c");
  await stop();
  await rm(join(dataDir, "libsql"), { recursive: true });
  assert.equal((await runCommand("restore", dataDir)).code, 0);
  await start();
  const again = await append("b");
  assert.deepEqual([again.count, again.entries[0]!.seq, again.entries[0]!.duplicate], [0, 1, true]);
  assert.equal((await append("d")).first, 3);
  assert.equal((await actions("demo")).length, 4);
  await assertWhole(4);
});

test("S behind V: a crash before commit 2 is made up for", async () => {
  await kill();
  await keep("S behind V", "libsql");
  await start();
  await sealNow(instance!.url, "demo", instance!.tokens.demo);
  const sealed = await listSeals(instance!.url, "demo", instance!.tokens.demo);
  await stop();
  await putBack("S behind V", "libsql");
  await start();
  await assertWhole(4);
  const now = await listSeals(instance!.url, "demo", instance!.tokens.demo);
  assert.deepEqual(
    now.map(({ first, version_id }) => [first, version_id]),
    sealed.map(({ first, version_id }) => [first, version_id]),
  );
  await stop();
  await keep("4 entries", "libsql");
  await keep("4 entries, memo", "ledger");
});

test("V extends I, M = V: the index is brought up, and nothing is said", async () => {
  await start();
  await append("e", "f");
  await stop();
  await putBack("4 entries", "libsql");
  await start();
  await assertWhole(6);
  assert.equal((await append("e")).entries[0]!.duplicate, true, "ids come back with the lines");
  assert.ok(!(await actions("demo")).includes("log.recovered"));
});

test("I extends V, no memo: a notice in _system, nothing in the log", async () => {
  await stop();
  await rm(join(dataDir, "ledger"), { recursive: true });
  await start();
  await assertWhole(6);
  assert.ok(!(await actions("demo")).includes("log.recovered"));
  const notices = (await eventsOf("_system")).filter(
    ({ action }) => action === "instance.unproven",
  );
  const logs = notices.flatMap(({ details }) => details?.logs ?? []);
  assert.deepEqual(
    logs.filter((log) => log === "demo"),
    ["demo"],
  );
});

test("V beyond I, no memo: brought up, and log.recovered by itself", async () => {
  await stop();
  await putBack("4 entries", "libsql");
  await rm(join(dataDir, "ledger"), { recursive: true });
  await start();
  await append("g");
  assert.deepEqual((await actions("demo")).slice(5), ["sent", "log.recovered", "sent"]);
  await assertWhole(8);
});

test("M beyond I and V: frozen, until a person has recovered what there is", async () => {
  await stop();
  await keep("8 entries", "libsql");
  await start();
  const lost = await append("h", "i");
  // What the instance itself wrote is under lock, so only this log has lost something.
  await sealNow(instance!.url, "_system", await auditor());
  const memo = new MemoFile(join(dataDir, "ledger"));
  await until("the memo was written", async () => {
    return (await memo.load())?.get("demo")?.size === 10;
  });
  await kill();
  for (const { seq } of lost.entries) acknowledged.delete(seq);
  await putBack("8 entries", "libsql");
  await start();
  const refused = await send("j");
  assert.equal(refused.status, 503);
  assert.match(refused.text, /"frozen".*index_behind|index_behind.*"frozen"/s);
  assert.equal((await runCommand("recover", dataDir, ["--yes"])).code, 2, "not while it runs");
  await stop();
  const shown = await runCommand("recover", dataDir);
  assert.equal(shown.code, 2);
  assert.match(shown.stdout, /demo +index_behind +8 +8 +10 +8 +8–9/);
  const recovered = await runCommand("recover", dataDir, ["--yes"]);
  assert.equal(recovered.code, 0, recovered.stderr);
  await start();
  assert.equal((await append("j")).first, 9);
  assert.equal((await actions("demo"))[8], "log.recovered");
  assert.ok((await actions("_system")).includes("log.recovered"));
  await assertWhole(10);
});

test("I and V part, and M with V: frozen as a fork; the vault's entries win", async () => {
  await stop();
  await keep("10 entries", "libsql");
  await keep("10 entries, memo", "ledger");
  await start();
  await append("k", "l");
  await stop();
  await keep("12 entries, memo", "ledger");
  // Another past: the same instance goes on from its old index, with a store that has not seen the other one.
  await putBack("10 entries", "libsql");
  await cp(join(dataDir, "minio"), join(aside, "minio"), { recursive: true });
  await putBackVault();
  await putBack("10 entries, memo", "ledger");
  await start();
  const other = await send("x", "y", "z");
  assert.equal(other.status, 201, other.text);
  await kill();
  await rm(join(dataDir, "minio"), { recursive: true });
  await cp(join(aside, "minio"), join(dataDir, "minio"), { recursive: true });
  await putBack("12 entries, memo", "ledger");
  await start();
  const refused = await send("m");
  assert.equal(refused.status, 503);
  assert.match(refused.text, /fork/);
  await stop();
  const recovered = await runCommand("recover", dataDir, ["--yes"]);
  assert.equal(recovered.code, 0, recovered.stderr);
  await start();
  assert.equal((await append("m")).first, 13);
  await assertWhole(14);
});

/** Takes from the vault what was sealed behind the tenth entry. */
async function putBackVault(): Promise<void> {
  const bucket = join(dataDir, "minio", "indelible");
  await rm(join(bucket, "demo", "0000000000000010.jsonl.gz"), { recursive: true });
}

test("S beyond V: entries go on, sealing does not, until the same lines are put again", async () => {
  await stop();
  const seals = join(dataDir, "minio", "indelible", "demo");
  await rm(join(seals, "0000000000000013.jsonl.gz"), { recursive: true });
  await start();
  assert.equal((await append("n")).first, 14);
  const refused = await sealReply(instance!.url, "demo", instance!.tokens.demo);
  assert.equal(refused.status, 503, refused.text);
  await stop();
  const { findings } = await verify(dataDir);
  assert.ok(findings.some(({ code, first }) => code === "batch_missing" && first === 13));
  const recovered = await runCommand("recover", dataDir, ["--yes"]);
  assert.equal(recovered.code, 0, recovered.stderr);
  await start();
  await assertWhole(16);
  assert.equal((await verify(dataDir)).code, 0);
});

test("V's newest batch cannot be read: frozen, until the same lines are put on top", async () => {
  await append("o");
  await stop();
  const path = join(dataDir, "minio", "indelible", "demo", "0000000000000016.jsonl.gz", "xl.meta");
  const bytes = await readFile(path);
  bytes[bytes.length - 40]! ^= 1;
  await writeFile(path, bytes);
  await start();
  const refused = await send("p");
  assert.equal(refused.status, 503);
  assert.match(refused.text, /batch_unreadable/);
  await stop();
  const recovered = await runCommand("recover", dataDir, ["--yes"]);
  assert.equal(recovered.code, 0, recovered.stderr);
  await start();
  assert.equal((await append("p")).first, 18);
  await assertWhole(19);
  const { findings } = await verify(dataDir);
  assert.deepEqual(
    findings.map(({ code, first }) => [code, first]),
    [["extra_version", 16]],
  );
});
