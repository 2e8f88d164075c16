/** Reading entries over HTTP: pages in both directions, exact lines, single entries, and what is refused. */
import assert from "node:assert/strict";
import test from "node:test";
import { toHex } from "../../storage/log/bytes.ts";
import { decodeLine } from "../../storage/log/entry.ts";
import { leafHash } from "../../storage/log/hash.ts";
import { IndexError } from "../../storage/ports.ts";
import { createApp } from "../../worker/app.ts";
import { event, LOG, problemIn } from "./fake.ts";
import { ENTRIES, makeLog, NDJSON, range, seqs, type Page } from "./reader.ts";

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

test("an index that is away is 503", async () => {
  const { fake, get } = await makeLog(5);
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

test("a stream breaks off when its reader's token is revoked", async () => {
  let nowMs = 0;
  const log = await makeLog(20, 1);
  const { fake } = log;
  const chunks = fake.index.chunks.bind(fake.index);
  fake.index.chunks = (name, wanted) => chunks(name, { ...wanted, bytesMax: 1 });
  const app = createApp(() => ({ ...fake.services, nowMs: () => nowMs }));
  const headers = { ...NDJSON, authorization: `Bearer ${fake.token(["reader"])}` };
  const response = await app.request(`${ENTRIES}?order=asc`, { headers }, {});
  const stream = response.body!.getReader();
  await stream.read();
  nowMs += 1_000;
  await stream.read();
  for (const [id, token] of fake.ledger.tokenStatus) {
    fake.ledger.tokenStatus.set(id, { ...token, revokedAt: "now" });
  }
  nowMs += 1_000;
  await assert.rejects(async () => {
    while (!(await stream.read()).done);
  });
  assert.deepEqual(fake.reported, []);
});
