/** Exports over HTTP: what they hold in each format, filters, ranges, going on where one broke off, and what is refused. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { encodeUtf8 } from "../../storage/log/bytes.ts";
import { parseExportLine, type ExportLine } from "../../storage/log/export-jsonl.ts";
import { parseVkey } from "../../storage/log/note.ts";
import { checkReceipt } from "../../storage/log/receipt.ts";
import { createApp } from "../../worker/app.ts";
import { event, LOG, makeFake, problemIn } from "./fake.ts";
import { linesOf, makeLog, range } from "./reader.ts";

const EXPORT = `/v1/logs/${LOG}/export`;

const parsed = (text: string): ExportLine[] => text.trimEnd().split("\n").map(parseExportLine);
const records = (lines: readonly ExportLine[]) => lines.filter((line) => line.kind === "record");
const seqsIn = (text: string): number[] => records(parsed(text)).map(({ seq }) => seq);
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** All but the last line, and that one. */
function cutEnd(text: string, newline = "\n"): [string, string] {
  const at = text.lastIndexOf(newline, text.length - newline.length - 1) + newline.length;
  return [text.slice(0, at), text.slice(at)];
}

test("jsonl: header, each sealed line with its receipt, and an end with count and hash", async () => {
  const log = await makeLog(50, 7, 40);
  const response = await log.get(EXPORT);
  assert.equal(response.headers.get("content-type"), "application/x-ndjson");
  assert.match(
    response.headers.get("content-disposition")!,
    /^attachment; filename="acme\.orders-0-40\.export\.jsonl"$/,
  );
  assert.equal(response.headers.get("indelible-to"), "40");
  const text = await response.text();
  const [header, ...rest] = parsed(text);
  const end = rest.pop()!;
  const lines = await linesOf(log);
  assert.ok(header?.kind === "header" && end.kind === "end");
  const { log: name, from, to, filter, vkey, origin } = header;
  assert.deepEqual([name, from, to, filter], [LOG, 0, 40, {}]);
  assert.equal(origin, `test.indelible.local/${LOG}`);
  for (const [seq, line] of rest.entries()) {
    assert.ok(line.kind === "record");
    assert.deepEqual([line.seq, line.after, line.line], [seq, seq - 1, lines[seq]]);
    const checked = await checkReceipt(line.receipt, line.line, [parseVkey(vkey)]);
    assert.equal(checked.checkpoint.size, 40);
    assert.ok(line.receipt.endsWith(header.checkpoint));
  }
  assert.deepEqual([rest.length, end.count, end.after], [40, 40, 39]);
  assert.equal(end.sha256, sha256(cutEnd(text)[0]));
  assert.equal(await (await log.get(EXPORT)).text(), text, "the same request gives the same bytes");
});

test("an export that broke off goes on with from and the same to, and gives the same records", async () => {
  const log = await makeLog(60, 7, 50);
  const query = "action=number%201*";
  const whole = await (await log.get(`${EXPORT}?${query}&to=45`)).text();
  // Sealed meanwhile: another latest checkpoint, but not another that reaches 45.
  await log.fake.ledger.seal(LOG);
  const lines = whole.trimEnd().split("\n");
  const seqs = seqsIn(whole);
  assert.deepEqual(seqs, [1, ...range(10, 20)]);
  for (const cut of range(2, lines.length - 1)) {
    const from = seqs[cut - 2]! + 1;
    const rest = await (await log.get(`${EXPORT}?${query}&to=45&from=${from}`)).text();
    const [, ...more] = rest.trimEnd().split("\n");
    assert.deepEqual([...lines.slice(0, cut), ...more.slice(0, -1)], lines.slice(0, -1));
  }
  const nothing = await (await log.get(`${EXPORT}?to=45&from=45`)).text();
  assert.deepEqual(
    parsed(nothing).map(({ kind }) => kind),
    ["header", "end"],
  );
});

test("each filter of the search, and marks where nothing is asked for", async () => {
  const { fake, writer, get } = await makeLog(0);
  const body = range(0, 30).map((n) =>
    event(n % 3 === 0 ? "invoice.paid" : "user.read", {
      actor: { id: n % 2 === 0 ? "alice" : 'b"b' },
      ...(n % 5 === 0 ? { outcome: "denied", targets: [{ id: `inv-${n}` }] } : {}),
      ...(n === 7 ? { details: { note: "Zoë's invoice.paid" } } : {}),
    }),
  );
  await fake.ask("POST", `/v1/logs/${LOG}/entries`, { token: writer, body });
  await fake.ledger.seal(LOG);
  const seqs = async (query: string) => seqsIn(await (await get(`${EXPORT}?${query}`)).text());
  const those = (wanted: (n: number) => boolean) => range(0, 30).filter(wanted);
  assert.deepEqual(
    await seqs("action=invoice.paid"),
    those((n) => n % 3 === 0),
  );
  assert.deepEqual(
    await seqs("action=user.*"),
    those((n) => n % 3 !== 0),
  );
  assert.deepEqual(
    await seqs("actor=b%22b&action=invoice.*"),
    those((n) => n % 6 === 3),
  );
  assert.deepEqual(
    await seqs("outcome=denied"),
    those((n) => n % 5 === 0),
  );
  assert.deepEqual(await seqs("target=inv-10"), [10]);
  assert.deepEqual(await seqs("q=zo%C3%AB"), [7]);
  assert.deepEqual(await seqs("q=nobody"), []);
  assert.deepEqual(await seqs("from=10&to=13"), [10, 11, 12]);
  assert.deepEqual(await seqs("since=2020-01-01T00:00:00Z&from=28"), [28, 29]);
  assert.deepEqual(await seqs("until=2020-01-01T00:00:00Z"), []);
  assert.deepEqual(await seqs("since=2999-01-01T00:00:00Z"), []);
});

test("csv and ocsf: a line an entry, and an end with count and hash", async () => {
  const { get } = await makeLog(12, 5, 12);
  const csv = await get(`${EXPORT}?format=csv&action=number%201*`);
  assert.match(csv.headers.get("content-type")!, /^text\/csv; charset=utf-8/);
  const table = new TextDecoder("utf-8", { ignoreBOM: true }).decode(await csv.arrayBuffer());
  assert.ok(table.startsWith("\ufeffNot evidence"));
  const [body, end] = cutEnd(table, "\r\n");
  assert.deepEqual(
    body
      .split("\r\n")
      .slice(2, -1)
      .map((row) => row.split(",")[0]),
    ["1", "10", "11"],
  );
  assert.ok(end.startsWith(`End: 3 entries. SHA-256 of all before this row: ${sha256(body)},`));
  const ocsf = await (await get(`${EXPORT}?format=ocsf`)).text();
  const [events, last] = cutEnd(ocsf);
  const sequences = events
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).metadata.sequence as number);
  assert.deepEqual(sequences, range(0, 12));
  const { count, sha256: found, to } = JSON.parse(last).unmapped.export_end;
  assert.deepEqual([count, found, to], [12, sha256(events), 12]);
});

test("what is not sealed is not exported, and what is wrong is refused by name", async () => {
  const { problem, fake } = await makeLog(10, 5, 5);
  const bad: [string, string][] = [
    ["format", "format=xml"],
    ["to", "to=6"],
    ["to", "to=-1"],
    ["from", "from=6"],
    ["from", "from=4&to=3"],
    ["outcome", "outcome=good"],
    ["since", "since=yesterday"],
    ["until", "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z"],
    ["q", "q=-"],
    ["action", "action=*"],
    ["cursor", "cursor=x"],
  ];
  for (const [name, query] of bad) {
    const refusal = await problem(`${EXPORT}?${query}`);
    assert.deepEqual([refusal.code, refusal.errors![0]!.pointer], ["invalid_request", `?${name}`]);
  }
  const token = fake.token(["auditor"], ["zeta.orders"]);
  const empty = await fake.ask("GET", "/v1/logs/zeta.orders/export", { token });
  assert.equal((await problemIn(empty)).code, "seal_unknown");
});

test("a line that was altered ends the export without an end: no format calls it whole", async () => {
  for (const format of ["jsonl", "csv", "ocsf"]) {
    const { fake, get } = await makeLog(3_000, 1_000, 3_000);
    const chunks = fake.index.store.chunks.get(LOG)!;
    const last = chunks.at(-1)!;
    chunks[chunks.length - 1] = { ...last, lines: last.lines.replace("Ada", "Mallory-of-old") };
    const original = fake.index.chunks.bind(fake.index);
    fake.index.chunks = (log, wanted) => original(log, { ...wanted, bytesMax: 1 });
    const stream = (await get(`${EXPORT}?format=${format}`)).body!.getReader();
    let text = "";
    await assert.rejects(async () => {
      for (let part = await stream.read(); !part.done; part = await stream.read()) {
        text += new TextDecoder().decode(part.value as Uint8Array);
      }
    });
    assert.doesNotMatch(text, /Mallory-of-old|"end"|^End|export_end/m, format);
    assert.match(text, /number 1999/);
    assert.equal(fake.reported[0]?.code, "entry_altered");
  }
});

test("leaves that were altered beside lines that were not are never proven", async () => {
  const { fake, problem } = await makeLog(20, 10, 20);
  const tiles = fake.index.tiles.bind(fake.index);
  fake.index.tiles = (log) => async (level, index, width) =>
    (await tiles(log)(level, index, width)).with(3, encodeUtf8("x".repeat(32)));
  assert.equal((await problem(EXPORT)).code, "entry_altered");
});

test("it is on record before it begins, and how far it came where it breaks off", async () => {
  const { fake } = await makeLog(3_000, 1_000, 3_000);
  const original = fake.index.chunks.bind(fake.index);
  fake.index.chunks = (log, wanted) => original(log, { ...wanted, bytesMax: 1 });
  const app = createApp(() => fake.services);
  const token = fake.token(["auditor"]);
  const path = `${EXPORT}?format=csv&actor=u-1&from=5`;
  const response = await app.request(path, { headers: { authorization: `Bearer ${token}` } }, {});
  const [record] = fake.ledger.accessed;
  assert.deepEqual([record?.action, record?.before], ["entries.export", true]);
  assert.deepEqual(record?.shown, {
    query: { format: "csv", actor: "u-1", from: "5" },
    ...{ first: 5, last: 2_999 },
  });
  const stream = response.body!.getReader();
  await stream.read();
  await stream.cancel();
  await fake.services.access.flush(fake.ledger);
  const { shown } = fake.ledger.accessed.at(-1)!;
  assert.equal(shown.brokenOff, true);
  assert.ok(shown.count! < 2_995 && shown.first === 5, JSON.stringify(shown));
  fake.ledger.refusals.recordAccess = { code: "index_unavailable", detail: "away" };
  const refused = await fake.ask("GET", EXPORT, { token });
  assert.equal((await problemIn(refused)).code, "index_unavailable");
});

test("a reader or a writer takes nothing home", async () => {
  const fake = await makeFake();
  for (const role of ["reader", "writer", "admin"] as const) {
    const refused = await fake.ask("GET", EXPORT, { token: fake.token([role]) });
    assert.equal((await problemIn(refused)).code, "forbidden");
  }
});
