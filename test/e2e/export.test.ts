/** Taking the answer home: an export of a running instance that breaks off, goes on, and is checked offline by the command. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { formatVkey, parseVkey } from "../../storage/log/vkey.ts";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { call, readWholeLog } from "./client.ts";
import { runCommand } from "./command.ts";
import { sealNow } from "./sealing.ts";
import { makeToken } from "./tokens.ts";

const LOG = "demo";
/** Of 2 kB: more than a connection and all buffers on its way hold. */
const ENTRIES = 4_000;

let instance: TestInstance;
let folder: string;
const path = (query: string) => `/v1/logs/${LOG}/export?${query}`;
const token = (): string => instance.tokens.demo;

async function append(count: number): Promise<void> {
  const padding = "x".repeat(1_500);
  const events = Array.from({ length: count }, (_, n) =>
    JSON.stringify({
      action: n % 3 === 0 ? "invoice.paid" : "user.login",
      actor: { id: `u-${n % 7}`, name: "=1+1" },
      details: { n, padding },
    }),
  );
  for (let at = 0; at < count; at += 1_000) {
    const reply = await call(instance.url, `/v1/logs/${LOG}/entries`, {
      token: token(),
      body: events.slice(at, at + 1_000).join("\n"),
      headers: { "content-type": "application/x-ndjson" },
    });
    assert.equal(reply.status, 201, reply.text);
  }
  await sealNow(instance.url, LOG, token());
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "indelible-export-"));
  instance = await startInstance({ env: { INDELIBLE_SEAL_SECONDS: "600" } });
  await append(ENTRIES);
});
after(async () => {
  await instance.stop();
  await rm(folder, { recursive: true });
});

async function whole(query: string): Promise<string> {
  const reply = await call(instance.url, path(query), { token: token() });
  assert.equal(reply.status, 200, reply.text.slice(0, 500));
  return reply.text;
}

/** What came of an export whose connection was cut after the first pieces, up to its last whole line; and its `to`. */
async function brokenOff(query: string): Promise<{ text: string; to: string }> {
  const leaving = new AbortController();
  const headers = { authorization: `Bearer ${token()}` };
  const reply = await fetch(instance.url + path(query), { headers, signal: leaving.signal });
  const reader = reply.body!.getReader();
  let text = "";
  while (text.length < 1_000_000) {
    const { value } = await reader.read();
    text += new TextDecoder().decode(value, { stream: true });
  }
  leaving.abort();
  return {
    text: text.slice(0, text.lastIndexOf("\n") + 1),
    to: reply.headers.get("indelible-to")!,
  };
}

/** As a server would send it that leaves out a record and counts anew: the file by itself holds. */
function withoutRecord(
  text: string,
  number: number,
): { readonly text: string; readonly seq: number } {
  const lines = text.trimEnd().split("\n");
  const gone = JSON.parse(lines[number]!) as { seq: number; after: number };
  lines.splice(number, 1);
  lines[number] = lines[number]!.replace(`"after":${gone.seq},`, `"after":${gone.after},`);
  const end = JSON.parse(lines.pop()!) as { count: number };
  const body = `${lines.join("\n")}\n`;
  const sha256 = createHash("sha256").update(body).digest("hex");
  const last = JSON.stringify({ ...end, count: end.count - 1, sha256 });
  return { text: `${body}${last}\n`, seq: gone.seq };
}

async function verifyExport(
  ...texts: readonly string[]
): Promise<{ code: number | null; stdout: string }> {
  const files = texts.map((_, part) => join(folder, `part-${part}.jsonl`));
  for (const [part, text] of texts.entries()) await writeFile(files[part]!, text);
  return runCommand("verify", instance.dataDir, ["export", ...files]);
}

test("an export whose connection is cut goes on to the same records, while the log grows", async () => {
  const query = "actor=u-3";
  const uncut = (await whole(query)).trimEnd().split("\n");
  const first = await brokenOff(query);
  await append(100);
  const lines = first.text.trimEnd().split("\n");
  const { seq } = JSON.parse(lines.at(-1)!) as { seq: number };
  const rest = await whole(`${query}&from=${seq + 1}&to=${first.to}`);
  const more = rest.trimEnd().split("\n").slice(1, -1);
  assert.ok(more.length > 0 && lines.length > 1);
  assert.deepEqual([...lines, ...more], uncut.slice(0, -1));

  const parts = await verifyExport(first.text, rest);
  assert.equal(parts.code, 0, parts.stdout);
  assert.match(parts.stdout, /571 hold, in 2 parts/);
  assert.match(parts.stdout, /Not proven: that no entry which the filter asks for was left out/);
  const cut = await verifyExport(first.text);
  assert.equal(cut.code, 1);
  assert.match(cut.stdout, /entry_missing/);
});

test("what a filtered export leaves out is named when the batches can be read: of the instance, or of a folder", async () => {
  const text = await whole("actor=u-3&action=user.*");
  const file = join(folder, "filtered.jsonl");
  const verify = async (content: string, ...words: string[]) => {
    await writeFile(file, content);
    const given = ["export", file, ...words];
    return runCommand("verify", instance.dataDir, given, { INDELIBLE_TOKEN: token() });
  };
  const held = await verify(text, instance.url);
  assert.equal(held.code, 0, held.stdout + held.stderr);
  assert.match(held.stdout, /Proven: no entry from 0 to \d+ that is asked for is left out/);
  const cut = withoutRecord(text, 50);
  assert.equal((await verify(cut.text)).code, 0);
  const found = await verify(cut.text, instance.url);
  assert.equal(found.code, 1);
  assert.match(found.stdout, new RegExp(`entry_missing {2}demo entry ${cut.seq}\\n`));
  assert.match(found.stdout, /1 finding\(s\)/);
  const bucket = await verify(cut.text, "--s3");
  assert.match(bucket.stdout, new RegExp(`entry_missing {2}demo entry ${cut.seq}\\n`));
  const untold = await runCommand("verify", instance.dataDir, ["export", file, instance.url]);
  assert.deepEqual([untold.code, /set INDELIBLE_TOKEN/.test(untold.stderr)], [2, true]);
});

test("what was changed at home is found by the command, and what it cannot read is said", async () => {
  const text = await whole("to=40");
  const held = await verifyExport(text);
  assert.equal(held.code, 0, held.stdout);
  assert.match(held.stdout, /no entry from 0 to 39 is left out/);
  const altered = await verifyExport(text.replace('\\"u-5\\"', '\\"u-6\\"'));
  assert.equal(altered.code, 1);
  assert.match(altered.stdout, /entry_altered {2}demo entry 5\n/);
  const missing = await runCommand("verify", instance.dataDir, ["export", join(folder, "none")]);
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /cannot be read/);
  const key = join(folder, "other.vkey");
  await writeFile(key, `${await otherKey()}\n`);
  const words = ["export", join(folder, "part-0.jsonl"), "--vkey", key];
  const foreign = await runCommand("verify", instance.dataDir, words);
  assert.match(foreign.stdout, /signature_invalid/);
});

/** The receipt key under the log key's name: no key that signs what is sealed. */
async function otherKey(): Promise<string> {
  const reply = await call(instance.url, `/v1/logs/${LOG}`, { token: token() });
  const { origin, receipt_vkey } = reply.json<{ origin: string; receipt_vkey: string }>();
  return formatVkey(origin, parseVkey(receipt_vkey).publicKey);
}

test("a search proves that it left nothing out; what was taken out of its answer is named", async () => {
  const query = "fresh=true&prove=true&actor=u-5&action=user.*";
  const search = async (more: string) => {
    const reply = await call(instance.url, `/v1/logs/${LOG}/entries?${query}&${more}`, {
      token: token(),
    });
    assert.equal(reply.status, 200, reply.text);
    return reply.json<{ entries: { seq: number }[]; next_cursor: string; searched_to: number }>();
  };
  // Not sealed yet.
  const body = JSON.stringify({ action: "user.login", actor: { id: "u-5" } });
  const reply = await call(instance.url, `/v1/logs/${LOG}/entries`, { token: token(), body });
  const { first: newest } = reply.json<{ first: number }>();
  const first = await search("limit=200");
  assert.equal(first.entries[0]!.seq, newest);
  const second = await search(`limit=200&cursor=${first.next_cursor}`);
  const verify = async (...pages: readonly object[]) => {
    const files = pages.map((_, page) => join(folder, `page-${page}.json`));
    for (const [page, answer] of pages.entries())
      await writeFile(files[page]!, JSON.stringify(answer));
    return runCommand("verify", instance.dataDir, ["search", ...files]);
  };
  const held = await verify(first, second);
  assert.equal(held.code, 0, held.stdout + held.stderr);
  const hits = first.entries.length + second.entries.length;
  assert.match(held.stdout, new RegExp(`hits +${hits} are right`));
  assert.match(held.stdout, new RegExp(`no hit among entries 0 to ${newest - 1} of demo`));
  assert.match(held.stdout, new RegExp(`entries ${newest} to ${newest}, which were not sealed`));
  const { seq: left } = first.entries[100]!;
  const cut = { ...first, entries: first.entries.filter(({ seq }) => seq !== left) };
  const found = await verify(cut, second);
  assert.equal(found.code, 1);
  assert.match(found.stdout, new RegExp(`entry_missing {2}demo entry ${left}\\n`));
  const address = `${instance.url}/v1/logs/${LOG}/entries?actor=u-5&action=user.*`;
  for (const [more, words] of [
    ["&limit=150", []],
    ["&order=asc", ["--s3"]],
    [`&from=${left}&since=2020-01-01T00:00:00Z`, []],
  ] as const) {
    const env = { INDELIBLE_TOKEN: token() };
    const asked = await runCommand(
      "verify",
      instance.dataDir,
      ["search", address + more, ...words],
      env,
    );
    assert.equal(asked.code, 0, asked.stdout + asked.stderr);
    assert.match(asked.stdout, more === "&limit=150" ? /desc, [2-9] page/ : /1 page/);
  }
  const plain = await call(instance.url, `/v1/logs/${LOG}/entries?prove=true`, { token: token() });
  assert.equal(plain.status, 400);
});

test("the other formats end with their count, and each export is on record before it begins", async () => {
  const auditor = await makeToken(instance.url, instance.tokens.admin, {
    roles: ["auditor"],
    logs: ["_access"],
  });
  interface Read {
    readonly event: { readonly action: string; readonly details: object };
  }
  // Plain reads of before are put on record behind their answers, and so may come between.
  const exported = async (): Promise<Read[]> => {
    const { lines } = await readWholeLog(instance.url, "_access", auditor.token);
    const reads = lines.map((line) => JSON.parse(line) as Read);
    return reads.filter(({ event }) => event.action === "entries.export");
  };
  const csv = await whole("format=csv&action=invoice.*&to=30");
  assert.match(csv, /\r\nEnd: 10 entries\. /);
  assert.match(csv, /,u-0,,'=1\+1,/);
  const before = await exported();
  const ocsf = await whole("format=ocsf&action=invoice.paid&to=30");
  const after = await exported();
  const packed = await fetch(instance.url + path("format=csv&action=invoice.*&to=30"), {
    headers: { authorization: `Bearer ${token()}`, "accept-encoding": "gzip" },
  });
  assert.equal(packed.headers.get("content-encoding"), "gzip");
  assert.equal(await packed.text(), csv.replace(/^\ufeff/, ""));
  const events = ocsf
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, never>);
  assert.equal(events.length, 11);
  assert.equal(after.length, before.length + 1);
  const { event } = after.at(-1)!;
  assert.deepEqual(event.details, {
    ...{ first: 0, last: 29, status: 200 },
    query: { action: "invoice.paid", format: "ocsf", to: "30" },
  });
});
