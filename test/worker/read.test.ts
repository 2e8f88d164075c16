/**
 * Reading over HTTP: pages in both directions, exact lines, single entries, receipts, checkpoints, consistency,
 * seals and tiles; each proof is checked as a client would; and no altered line is ever shown.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { fromBase64, fromHex, toHex } from "../../storage/log/bytes.ts";
import { decodeLine } from "../../storage/log/entry.ts";
import { emptyRoot, leafHash } from "../../storage/log/hash.ts";
import { checkConsistency } from "../../storage/log/proof.ts";
import { checkReceipt } from "../../storage/log/receipt.ts";
import { decodeEntryBundle } from "../../storage/log/tiles.ts";
import { CompactTree } from "../../storage/log/tree.ts";
import { parseVkey } from "../../storage/log/note.ts";
import { event, LOG, makeFake, problemIn, type Fake } from "./fake.ts";

const NDJSON = { accept: "application/x-ndjson" };
const ENTRIES = `/v1/logs/${LOG}/entries`;

interface Item {
  readonly seq: number;
  readonly hash: string;
  readonly sealed: boolean;
  readonly entry: Record<string, unknown>;
}

interface Page {
  readonly entries: Item[];
  readonly next_cursor: string | null;
}

/** A log of `count` entries, written in requests of `part` (so as many chunks), the first `sealed` of them sealed. */
async function makeLog(count: number, part = 7, sealed = 0): Promise<Reader> {
  const fake = await makeFake();
  const writer = fake.token(["writer"]);
  const reader = fake.token(["reader", "auditor"]);
  for (let first = 0; first < count;) {
    const end = Math.min(first < sealed ? sealed : count, first + part);
    const body = Array.from({ length: end - first }, (_, i) => event(`number ${first + i} é`));
    const response = await fake.ask("POST", ENTRIES, { token: writer, body });
    assert.equal(response.status, 201);
    first = end;
    if (first === sealed) await fake.ledger.seal(LOG);
  }
  const get = (path: string, headers = {}) => fake.ask("GET", path, { token: reader, headers });
  const json = async <T>(path: string) => {
    const response = await get(path);
    assert.equal(response.status, 200, await response.clone().text());
    return (await response.json()) as T;
  };
  const problem = async (path: string, headers = {}) => problemIn(await get(path, headers));
  return { fake, writer, get, json, problem };
}

interface Reader {
  readonly fake: Fake;
  readonly writer: string;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  json<T>(path: string): Promise<T>;
  problem(path: string, headers?: Record<string, string>): ReturnType<typeof problemIn>;
}

const seqs = ({ entries }: Page): number[] => entries.map(({ seq }) => seq);
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);

test("pages in both directions, from any place and with any limit, hold every entry once", async () => {
  const { json } = await makeLog(50);
  for (const order of ["asc", "desc"]) {
    for (const limit of [1, 6, 7, 8, 49, 50, 51]) {
      const found: number[] = [];
      let path = `${ENTRIES}?order=${order}&limit=${limit}`;
      for (;;) {
        const page: Page = await json(path);
        assert.ok(page.entries.length <= limit);
        found.push(...seqs(page));
        if (page.next_cursor === null) break;
        path = `${ENTRIES}?limit=${limit}&cursor=${page.next_cursor}`;
      }
      assert.deepEqual(order === "asc" ? found : found.reverse(), range(0, 50));
    }
    for (const from of [0, 1, 6, 7, 13, 14, 48, 49]) {
      const page: Page = await json(`${ENTRIES}?order=${order}&from=${from}&limit=3`);
      const expected =
        order === "asc"
          ? range(from, Math.min(50, from + 3))
          : range(Math.max(0, from - 2), from + 1).reverse();
      assert.deepEqual(seqs(page), expected);
    }
  }
});

test("the newest 100 come first unless asked otherwise; an empty log has an empty page", async () => {
  const { json, fake } = await makeLog(130, 50);
  assert.deepEqual(seqs(await json(ENTRIES)), range(30, 130).reverse());
  const token = fake.token(["reader"], ["zeta.orders"]);
  const empty = await fake.ask("GET", "/v1/logs/zeta.orders/entries", { token });
  assert.deepEqual(await empty.json(), { entries: [], next_cursor: null });
});

test("beyond the end: ascending nothing, descending from the end", async () => {
  const { json } = await makeLog(10);
  assert.deepEqual(await json(`${ENTRIES}?order=asc&from=10`), { entries: [], next_cursor: null });
  assert.deepEqual(seqs(await json(`${ENTRIES}?from=1000&limit=2`)), [9, 8]);
});

test("an item has seq, hash, whether it is sealed, and the parsed line", async () => {
  const { json, get } = await makeLog(9, 4, 5);
  const page: Page = await json(`${ENTRIES}?order=asc`);
  const text = await (await get(`${ENTRIES}?order=asc`, NDJSON)).text();
  const lines = text.trimEnd().split("\n");
  for (const [seq, { hash, sealed, entry, ...rest }] of page.entries.entries()) {
    assert.deepEqual(rest, { seq });
    assert.equal(sealed, seq < 5);
    assert.equal(toHex(leafHash(new TextEncoder().encode(lines[seq]))), hash);
    assert.deepEqual(entry, JSON.parse(lines[seq]!));
    assert.equal(decodeLine(lines[seq]!).seq, seq);
    assert.deepEqual(await json(`${ENTRIES}/${seq}`), page.entries[seq]);
    assert.equal(await (await get(`${ENTRIES}/${seq}`, NDJSON)).text(), `${lines[seq]}\n`);
  }
});

test("a page of JSON ends before it grows beyond 4 MiB, and goes on where it ended", async () => {
  const { json, fake, writer } = await makeLog(0);
  const large = event("a", { details: { text: "x".repeat(60_000) } });
  const body = Array.from({ length: 80 }, () => large);
  const written = await fake.ask("POST", ENTRIES, { token: writer, body });
  assert.equal(written.status, 201);
  const first: Page = await json(`${ENTRIES}?limit=1000&order=asc`);
  assert.ok(first.entries.length < 80 && first.entries.length > 60);
  const rest: Page = await json(`${ENTRIES}?limit=1000&cursor=${first.next_cursor}`);
  assert.deepEqual([...seqs(first), ...seqs(rest)], range(0, 80));
});

test("bad limits, places, orders and cursors are refused by name", async () => {
  const { json, problem } = await makeLog(10);
  const { next_cursor: cursor }: Page = await json(`${ENTRIES}?limit=3`);
  const seals = await makeLog(10, 2, 4);
  await seals.fake.ledger.seal(LOG);
  const { next_cursor: sealCursor } = await seals.json<Page>(`/v1/logs/${LOG}/seals?limit=1`);
  const bad: [string, string][] = [
    ["limit", "limit=0"],
    ["limit", "limit=1001"],
    ["limit", "limit=1.5"],
    ["limit", "limit=+1"],
    ["limit", "limit="],
    ["from", "from=-1"],
    ["from", "from=01"],
    ["from", "from=9007199254740992"],
    ["order", "order=up"],
    ["cursor", "cursor="],
    ["cursor", "cursor=abc"],
    ["cursor", `cursor=${cursor}x`],
    ["cursor", `cursor=${sealCursor}`],
    ["cursor", `cursor=${cursor}&order=asc`],
    ["cursor", `cursor=${cursor}&from=1`],
  ];
  for (const [name, query] of bad) {
    const refusal = await problem(`${ENTRIES}?${query}`);
    assert.deepEqual(
      [refusal.code, refusal.errors![0]!.pointer],
      ["invalid_request", `?${name}`],
      query,
    );
  }
  assert.deepEqual(
    seqs(await json(`${ENTRIES}?cursor=${cursor}&order=desc`)),
    range(0, 7).reverse(),
  );
});

test("a cursor of one log is refused at another, whoever holds it", async () => {
  const { fake, json } = await makeLog(10);
  const { next_cursor: cursor }: Page = await json(`${ENTRIES}?limit=3`);
  const token = fake.token(["reader"], ["*"]);
  const path = `/v1/logs/zeta.orders/entries?cursor=${cursor}`;
  assert.equal((await problemIn(await fake.ask("GET", path, { token }))).code, "invalid_request");
});

test("the stream of lines obeys order, from and limit, and reads only as the client does", async () => {
  const { get, fake } = await makeLog(60, 1);
  const lines = async (query: string) => {
    const text = await (await get(`${ENTRIES}${query}`, NDJSON)).text();
    return text === ""
      ? []
      : text
          .trimEnd()
          .split("\n")
          .map((line) => decodeLine(line).seq);
  };
  assert.deepEqual(await lines(""), range(0, 60).reverse());
  assert.deepEqual(await lines("?order=asc"), range(0, 60));
  assert.deepEqual(await lines("?order=asc&from=55&limit=2000"), range(55, 60));
  assert.deepEqual(await lines("?from=5&limit=2"), [5, 4]);
  assert.deepEqual(await lines("?order=asc&from=60"), []);
  let reads = 0;
  const chunks = fake.index.chunks.bind(fake.index);
  fake.index.chunks = (log, wanted) => {
    reads++;
    return chunks(log, { ...wanted, bytesMax: 1 });
  };
  const response = await get(`${ENTRIES}?order=asc`, NDJSON);
  const stream = response.body!.getReader();
  await stream.read();
  assert.ok(reads <= 3, String(reads));
  await stream.cancel();
});

/** Changes what the index gives for one chunk. */
function tamper(
  fake: Fake,
  at: number,
  change: (lines: string, leaves: Uint8Array) => [string, Uint8Array],
) {
  const chunks = fake.index.store.chunks.get(LOG)!;
  const chunk = chunks[at]!;
  const [lines, leaves] = change(chunk.lines, chunk.leaves);
  chunks[at] = { ...chunk, lines, leaves };
}

const rehash = (lines: string): Uint8Array =>
  Buffer.concat(lines.split("\n").map((line) => leafHash(new TextEncoder().encode(line))));

test("an altered line is a problem and is never shown, by no route", async () => {
  for (const change of [
    (lines: string, leaves: Uint8Array) => [lines.replace("number 9 ", "number X "), leaves],
    (lines: string, leaves: Uint8Array) => [lines.replace("\n", "\n\n"), leaves],
    (lines: string, leaves: Uint8Array) => [lines, leaves.slice(0, -32)],
    (lines: string, leaves: Uint8Array) => [lines, leaves.map((byte) => byte ^ 1)],
    // With its leaf computed anew: it says another place, another log, another leaf before it.
    (lines: string) => {
      const other = lines.replace('"seq":9,', '"seq":8,');
      return [other, rehash(other)];
    },
    (lines: string) => {
      const other = lines.replaceAll(`"log":"${LOG}"`, '"log":"acme.bribes"');
      return [other, rehash(other)];
    },
    (lines: string) => {
      const other = lines.replace("number 8 ", "number X ");
      return [other, rehash(other)];
    },
  ] as ((lines: string, leaves: Uint8Array) => [string, Uint8Array])[]) {
    const { fake, problem, get } = await makeLog(20, 7, 20);
    tamper(fake, 1, change);
    for (const path of [`${ENTRIES}/9`, `${ENTRIES}?limit=20`, `${ENTRIES}?order=asc&limit=20`]) {
      for (const headers of [{}, NDJSON]) {
        const response = await get(path, headers);
        const text = await response.text().catch(() => "broken off");
        assert.ok(!text.includes("number X") && !text.includes("bribes"), path);
        if (headers === NDJSON && response.status === 200) assert.equal(text, "broken off");
        else assert.equal(response.status, 500);
      }
    }
    assert.equal((await problem(`${ENTRIES}/9/proof`)).code, "entry_altered");
    assert.equal((await problem(`/tlog/${LOG}/tile/entries/000.p/20`)).code, "entry_altered");
    // What stands elsewhere is shown as before.
    assert.equal((await get(`${ENTRIES}/2`)).status, 200);
  }
});

test("a line altered with its leaf, alone in its chunk, is caught by its proof", async () => {
  const { fake, problem } = await makeLog(5, 1, 5);
  tamper(fake, 2, (lines) => {
    const other = lines.replace("number 2 ", "number X ");
    return [other, rehash(other)];
  });
  assert.equal((await problem(`${ENTRIES}/2/proof`)).code, "entry_altered");
});

test("a chunk that is missing is a problem, in both directions", async () => {
  const { fake, problem } = await makeLog(20, 5);
  fake.index.store.chunks.get(LOG)!.splice(1, 1);
  for (const path of [`${ENTRIES}?order=asc`, ENTRIES, `${ENTRIES}/7`]) {
    const { code, detail } = await problem(path);
    assert.equal(code, "entry_altered", path);
    assert.match(detail, /entry [5-9] .* missing/);
  }
});

test("an index that is away is 503", async () => {
  const { fake, get } = await makeLog(5);
  const { IndexError } = await import("../../storage/ports.ts");
  fake.index.chunks = () => Promise.reject(new IndexError("away", "nothing"));
  const response = await get(ENTRIES);
  assert.deepEqual([response.status, response.headers.get("retry-after")], [503, "1"]);
  assert.equal((await problemIn(response)).code, "index_unavailable");
});

test("a seq that is none, or beyond the end, is refused", async () => {
  const { problem } = await makeLog(3);
  for (const seq of ["x", "-1", "1.0", "01", "1e0", "9007199254740992", "%31x"]) {
    assert.equal((await problem(`${ENTRIES}/${seq}`)).code, "invalid_request", seq);
  }
  for (const path of [`${ENTRIES}/3`, `${ENTRIES}/3/proof`, `${ENTRIES}/9007199254740991`]) {
    assert.equal((await problem(path)).code, "entry_unknown", path);
  }
});

async function linesOf({ get }: Reader): Promise<string[]> {
  return (await (await get(`${ENTRIES}?order=asc`, NDJSON)).text()).trimEnd().split("\n");
}

test("receipts verify: of sealed entries by the log key, of others by the receipt key", async () => {
  const log = await makeLog(20, 3, 13);
  const { vkey, receipt_vkey } = await log.json<Record<"vkey" | "receipt_vkey", string>>(
    `/v1/logs/${LOG}`,
  );
  const lines = await linesOf(log);
  for (const [seq, line] of lines.entries()) {
    const response = await log.get(`${ENTRIES}/${seq}/proof`);
    assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
    const key = parseVkey(seq < 13 ? vkey : receipt_vkey);
    const checked = await checkReceipt(await response.text(), line, [key]);
    assert.deepEqual([checked.seq, checked.checkpoint.size], [seq, seq < 13 ? 13 : 20]);
  }
});

test("a writer gets the receipts of what it wrote itself, and no other's", async () => {
  const { fake, writer } = await makeLog(4);
  const other = fake.token(["writer"]);
  const path = `${ENTRIES}/1/proof`;
  assert.equal((await fake.ask("GET", path, { token: writer })).status, 200);
  assert.equal((await problemIn(await fake.ask("GET", path, { token: other }))).code, "forbidden");
});

test("checkpoints: the sealed one, the committed one; none before the first seal", async () => {
  const { get, problem, fake } = await makeLog(5);
  const path = `/v1/logs/${LOG}/checkpoint`;
  assert.equal((await problem(path)).code, "seal_unknown");
  assert.equal((await problem(`/tlog/${LOG}/checkpoint`)).code, "seal_unknown");
  await fake.ledger.seal(LOG);
  const writer = fake.token(["writer"]);
  await fake.ask("POST", ENTRIES, { token: writer, body: event("one more") });
  const sealed = await (await get(path)).text();
  assert.match(sealed, /^test\.indelible\.local\/acme\.orders\n5\n/);
  assert.equal(await (await get(`/tlog/${LOG}/checkpoint`)).text(), sealed);
  for (const query of ["?committed", "?committed=true"]) {
    const text = await (await get(path + query)).text();
    assert.match(text, /\n6\n[^]*\/receipt /);
  }
  assert.equal((await problem(`${path}?committed=no`)).code, "invalid_request");
});

test("consistency of any two committed sizes verifies", async () => {
  const log = await makeLog(20, 3, 13);
  const tree = new CompactTree(0, []);
  const roots = [emptyRoot()];
  for (const line of await linesOf(log)) {
    tree.append(leafHash(new TextEncoder().encode(line)));
    roots.push(tree.root());
  }
  for (let from = 0; from <= 20; from++) {
    for (let to = from; to <= 20; to++) {
      const path = `/v1/logs/${LOG}/consistency?from=${from}&to=${to}`;
      const answer = await log.json<Record<string, unknown>>(path);
      assert.deepEqual([answer["from"], answer["to"]], [from, to]);
      const [fromRoot, toRoot] = [answer["from_root"], answer["to_root"]].map((root) =>
        fromBase64(root as string),
      );
      assert.deepEqual([fromRoot, toRoot], [roots[from], roots[to]]);
      const hashes = (answer["hashes"] as string[]).map(fromBase64);
      assert.ok(checkConsistency(from, to, fromRoot!, toRoot!, hashes));
    }
  }
  for (const query of ["", "?from=1", "?to=1", "?from=3&to=2", "?from=0&to=21", "?from=a&to=2"]) {
    const { code } = await log.problem(`/v1/logs/${LOG}/consistency${query}`);
    assert.equal(code, "invalid_request", query);
  }
});

interface Seals {
  readonly seals: Record<string, unknown>[];
  readonly next_cursor: string | null;
}

test("seals are listed page by page and downloaded by version id", async () => {
  const log = await makeLog(3, 3, 3);
  for (let i = 0; i < 4; i++) {
    await log.fake.ask("POST", ENTRIES, { token: log.writer, body: [event("x"), event("y")] });
    const auditor = log.fake.token(["auditor"]);
    const sealed = await log.fake.ask("POST", `/v1/logs/${LOG}/seal`, { token: auditor });
    assert.equal(sealed.status, 200);
    const nothing = await log.fake.ask("POST", `/v1/logs/${LOG}/seal`, { token: auditor });
    assert.deepEqual([nothing.status, await nothing.text()], [204, ""]);
  }
  const path = `/v1/logs/${LOG}/seals`;
  const all: Seals = await log.json(`${path}?order=asc`);
  assert.deepEqual(
    all.seals.map(({ first, count }) => [first, count]),
    [
      [0, 3],
      [3, 2],
      [5, 2],
      [7, 2],
      [9, 2],
    ],
  );
  const names = ["first", "count", "key", "version_id", "sha256", "bytes", "sealed_at"];
  assert.deepEqual(Object.keys(all.seals[0]!), [...names, "retain_until", "checkpoint"]);
  const found: unknown[] = [];
  for (let at: string | null = `${path}?limit=2`; at !== null;) {
    const page: Seals = await log.json(at);
    found.push(...page.seals);
    at = page.next_cursor === null ? null : `${path}?limit=2&cursor=${page.next_cursor}`;
  }
  assert.deepEqual(found, all.seals.toReversed());
  for (const { first, sha256, bytes } of all.seals) {
    const response = await log.get(`${path}/${String(first)}`);
    assert.equal(response.headers.get("content-type"), "application/gzip");
    const body = new Uint8Array(await response.arrayBuffer());
    assert.deepEqual([body.length, sha256Hex(body)], [bytes, sha256]);
  }
  assert.equal((await log.problem(`${path}/1`)).code, "seal_unknown");
  assert.equal((await log.problem(`${path}/11`)).code, "seal_unknown");
  assert.equal((await log.problem(`${path}/x`)).code, "invalid_request");
});

const sha256Hex = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

test("a sealed object that is not what was sealed, or not there, is not given", async () => {
  const { fake, problem } = await makeLog(3, 3, 3);
  const path = `/v1/logs/${LOG}/seals/0`;
  const get = fake.vault.get.bind(fake.vault);
  fake.vault.get = async (key, version) => (await get(key, version)).map((byte) => byte ^ 1);
  assert.equal((await problem(path)).code, "batch_altered");
  const { VaultError } = await import("../../storage/ports.ts");
  for (const code of ["vault_unreachable", "batch_missing", "batch_unreadable"] as const) {
    fake.vault.get = () => Promise.reject(new VaultError(code, "inside"));
    assert.equal((await problem(path)).code, code);
  }
});

test("sealing takes no body", async () => {
  const { fake } = await makeLog(3);
  const token = fake.token(["auditor"]);
  const response = await fake.ask("POST", `/v1/logs/${LOG}/seal`, { token, body: "{}" });
  assert.equal((await problemIn(response)).code, "invalid_request");
});

test("tiles and bundles hold the sealed tree, and nothing beyond it", async () => {
  const log = await makeLog(600, 100, 520);
  const get = async (path: string) => {
    const response = await log.get(`/tlog/${LOG}/tile/${path}`);
    assert.equal(response.status, 200, path);
    assert.equal(response.headers.get("content-type"), "application/octet-stream");
    return new Uint8Array(await response.arrayBuffer());
  };
  const leaves = log.fake.index.leaves(LOG).map(fromHex);
  assert.deepEqual(await get("0/000"), join(leaves.slice(0, 256)));
  assert.deepEqual(await get("0/002.p/8"), join(leaves.slice(512, 520)));
  const roots = [0, 256].map((from) => {
    const tree = new CompactTree(0, []);
    for (const leaf of leaves.slice(from, from + 256)) tree.append(leaf);
    return tree.root();
  });
  assert.deepEqual(await get("1/000.p/2"), join(roots));
  const lines = [...decodeEntryBundle(await get("entries/001"))];
  assert.deepEqual(
    lines.map((line) => leafHash(line)),
    leaves.slice(256, 512),
  );
  assert.equal(decodeEntryBundle(await get("entries/002.p/3")).length, 3);
  for (const path of [
    "0/002",
    "0/002.p/9",
    "entries/002",
    "1/000.p/3",
    "2/000.p/1",
    "0/x001/000",
  ]) {
    assert.equal((await log.problem(`/tlog/${LOG}/tile/${path}`)).code, "entry_unknown", path);
  }
  for (const path of ["0/0", "0/000.p/256", "0/000.p/0", "64/000", "x/000", "entries/", "0/000/"]) {
    assert.equal((await log.problem(`/tlog/${LOG}/tile/${path}`)).code, "route_unknown", path);
  }
});

function join(hashes: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(hashes));
}
