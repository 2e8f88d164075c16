/** Receipts, checkpoints, consistency, seals and tiles over HTTP, each checked as a client would. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { fromBase64, fromHex } from "../../storage/log/bytes.ts";
import { emptyRoot, leafHash } from "../../storage/log/hash.ts";
import { parseVkey } from "../../storage/log/note.ts";
import { checkConsistency } from "../../storage/log/proof.ts";
import { checkReceipt } from "../../storage/log/receipt.ts";
import { decodeEntryBundle } from "../../storage/log/tiles.ts";
import { CompactTree } from "../../storage/log/tree.ts";
import { event, LOG, problemIn } from "./fake.ts";
import { ENTRIES, linesOf, makeLog } from "./reader.ts";

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

test("a seal's lock is what the store says now, with what else lies under its name", async () => {
  const log = await makeLog(3, 3, 3);
  const { vault } = log.fake;
  const path = `/v1/logs/${LOG}/seals/0/lock`;
  const [seal] = (await log.json<Seals>(`/v1/logs/${LOG}/seals`)).seals;
  const [key, version] = [String(seal!["key"]), String(seal!["version_id"])];
  const { read_at: readAt, ...lock } = await log.json<Record<string, unknown>>(path);
  assert.ok(Math.abs(Date.parse(String(readAt)) - Date.now()) < 10_000);
  assert.deepEqual(lock, {
    ...{ first: 0, key, version_id: version, mode: "COMPLIANCE" },
    ...{ retain_until: seal!["retain_until"], versions: 1, markers: 0 },
  });
  vault.setLock(key, version, { mode: "GOVERNANCE", retainUntilMs: 1_000 });
  vault.addVersion(key, new Uint8Array(1));
  vault.addMarker(key);
  vault.addVersion(`${key}.note`, new Uint8Array(1));
  const { read_at: _, ...worse } = await log.json<Record<string, unknown>>(path);
  assert.deepEqual(worse, {
    ...{ first: 0, key, version_id: version, mode: "GOVERNANCE" },
    ...{ retain_until: "1970-01-01T00:00:01.000Z", versions: 2, markers: 1 },
  });
  vault.setLock(key, version, { mode: "none", retainUntilMs: 0 });
  const none = await log.json<Record<string, unknown>>(path);
  assert.deepEqual([none["mode"], none["retain_until"]], ["none", null]);
  vault.remove(key, version);
  assert.equal((await log.problem(path)).code, "batch_missing");
  vault.down = true;
  assert.equal((await log.problem(path)).code, "vault_unreachable");
});

const sha256Hex = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

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
