/** The answer of a search is held against the sealed batches: what it left out or put in is named, and so is a proof that does not reach. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { nodeGzip } from "../../storage/gzip.ts";
import { webCryptoVerify } from "../../storage/keys.ts";
import { checkAnswers, type AnswerReport } from "../../storage/log/answer-check.ts";
import {
  readAnswer,
  type AnswerProof,
  type ProofBatch,
  type ProvenAnswer,
} from "../../storage/log/answer-proof.ts";
import { encodeBatch, slotName } from "../../storage/log/batch.ts";
import { LogError } from "../../storage/log/errors.ts";
import { matchesLine, parseFilter } from "../../storage/log/filter.ts";
import type { Json, JsonObject } from "../../storage/log/json.ts";
import type { VerifierKey } from "../../storage/log/note.ts";
import { formatTimeMs } from "../../storage/log/time.ts";
import { DemoLog, logKey, ORIGIN, otherSigner, receiptKey, receiptSigner } from "./demo-log.ts";

const SIZES = [50, 1, 100, 30, 60, 20];
const SEALED = 261;
const SIZE = 276;

interface Built {
  readonly log: DemoLog;
  readonly batches: readonly ProofBatch[];
  readonly objects: ReadonlyMap<string, Uint8Array>;
  readonly tail: { readonly lines: readonly string[]; readonly checkpoint: string };
}

async function build(signer?: typeof otherSigner): Promise<Built> {
  const log = new DemoLog();
  const batches: ProofBatch[] = [];
  const objects = new Map<string, Uint8Array>();
  for (const count of SIZES) {
    const first = log.lines.length;
    const object = await nodeGzip.gzip(encodeBatch(await log.seal(count, signer)));
    const key = slotName("demo", first);
    const sha256 = createHash("sha256").update(object).digest("hex");
    batches.push({ first, count, key, version_id: `v${first}`, sha256 });
    objects.set(key, object);
  }
  log.append(SIZE - SEALED);
  const tail = { lines: log.lines.slice(SEALED), checkpoint: await log.checkpoint(receiptSigner) };
  return { log, batches, objects, tail };
}

const built = await build();
const { log } = built;
const timeOf = (seq: number): string => (JSON.parse(log.lines[seq]!) as { time: string }).time;

/** As the server gives it, but for the batches that `since` and `until` make unnecessary. */
function answer(given: Record<string, string>, changes: Partial<AnswerProof> = {}): ProvenAnswer {
  const filter = parseFilter((name) => given[name] ?? null);
  const { from = 0, to = SEALED, order = "asc" } = changes;
  const sealedTo = Math.min(to, SEALED);
  const wanted = built.batches.filter(
    ({ first, count }) => first < sealedTo && first + count > from,
  );
  const entries = log.lines.flatMap((line, seq) => {
    if (seq < from || seq >= to || !matchesLine(filter, line)) return [];
    return [{ seq, hash: log.leaves[seq]!, entry: JSON.parse(line) as JsonObject }];
  });
  if (order === "desc") entries.reverse();
  const proof = {
    ...{ log: "demo", origin: ORIGIN, filter: given, order, from, to, sealed_to: sealedTo },
    ...{ batches: wanted, tail: to > SEALED ? built.tail : null },
    ...changes,
  };
  return { entries, proof };
}

interface Having {
  readonly objects?: ReadonlyMap<string, Uint8Array>;
  readonly keys?: readonly VerifierKey[];
}

function check(
  pages: ProvenAnswer | readonly ProvenAnswer[],
  having: Having = {},
): Promise<AnswerReport> {
  const { objects = built.objects, keys = [logKey, receiptKey] } = having;
  return checkAnswers(Array.isArray(pages) ? pages : [pages as ProvenAnswer], {
    keysFor: () => keys,
    fetch: async ({ key }) => {
      const object = objects.get(key);
      if (object === undefined) throw new Error(`no ${key}`);
      return object;
    },
    gunzip: (object, bytesMax) => nodeGzip.gunzip(object, bytesMax),
    verify: webCryptoVerify(),
  });
}

const codes = ({ findings }: AnswerReport) =>
  findings.map(({ code, first, last }) => [code, first, last]);
const without = (page: ProvenAnswer, seq: number): ProvenAnswer => ({
  ...page,
  entries: page.entries.filter((entry) => entry.seq !== seq),
});

test("an answer that has every hit is complete, in either order, of any part, and if there is none", async () => {
  for (const changes of [
    {},
    { order: "desc" },
    { from: 60, to: 200 },
    { to: SIZE },
    { to: 0 },
    { from: SEALED },
  ] as const) {
    for (const given of [
      { action: "a.1*" },
      { actor: "é", q: "77" },
      { action: "nothing" },
    ] as const) {
      const page = answer(given, changes);
      const report = await check(page);
      assert.deepEqual(report.findings, [], JSON.stringify([given, changes]));
      assert.equal(report.hits, page.entries.length);
      assert.equal(report.provenTo, page.proof.to);
    }
  }
});

test("each hit that was left out is named, sealed or not", async () => {
  const page = answer({ action: "a.1*" }, { to: SIZE });
  for (const { seq } of page.entries.filter((_, at) => at % 7 === 0)) {
    assert.deepEqual(codes(await check(without(page, seq))), [["entry_missing", seq, seq]]);
  }
  const tailed = answer({ q: "270" }, { to: SIZE });
  assert.deepEqual(codes(await check(without(tailed, 270))), [["entry_missing", 270, 270]]);
});

test("what does not belong into an answer, or was changed, is named", async () => {
  const page = answer({ action: "a.1*" });
  const [first, second] = page.entries as [ProvenAnswer["entries"][0], ProvenAnswer["entries"][0]];
  const stranger = {
    seq: 20,
    hash: log.leaves[20]!,
    entry: JSON.parse(log.lines[20]!) as JsonObject,
  };
  const edited = { ...second, entry: { ...second.entry, by: "token:other" } };
  const cases: readonly (readonly [number, ProvenAnswer["entries"]])[] = [
    [
      20,
      [
        ...page.entries.filter(({ seq }) => seq < 20),
        stranger,
        ...page.entries.filter(({ seq }) => seq > 20),
      ],
    ],
    [second.seq, page.entries.toSpliced(1, 1, edited)],
    [second.seq, page.entries.toSpliced(1, 1, { ...second, hash: first.hash })],
    [first.seq, page.entries.toSpliced(1, 0, first)],
    [first.seq, page.entries.toSpliced(0, 2, second, first)],
    [SEALED + 1, [...page.entries, { ...stranger, seq: SEALED + 1 }]],
  ];
  for (const [seq, entries] of cases) {
    const [finding] = (await check({ ...page, entries })).findings;
    assert.deepEqual([finding?.code, finding?.first], ["entry_altered", seq]);
  }
});

test("batches that are missing, altered, unreadable, forged or of another log prove nothing", async () => {
  const page = answer({ action: "a.1*" });
  const key = built.batches[2]!.key;
  const swap = (object: Uint8Array | undefined): ReadonlyMap<string, Uint8Array> => {
    const objects = new Map(built.objects);
    if (object === undefined) objects.delete(key);
    else objects.set(key, object);
    return objects;
  };
  const object = built.objects.get(key)!;
  const saying = (bytes: Uint8Array): ProvenAnswer => {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const batches = built.batches.map((batch) =>
      batch.key === key ? { ...batch, sha256 } : batch,
    );
    return { ...page, proof: { ...page.proof, batches } };
  };
  const expected = async (code: string, report: Promise<AnswerReport>): Promise<void> => {
    const { findings, provenTo } = await report;
    assert.deepEqual([findings[0]?.code, provenTo], [code, 0], JSON.stringify(findings[0]));
  };
  await expected("batch_missing", check(page, { objects: swap(undefined) }));
  await expected("batch_altered", check(page, { objects: swap(object.with(30, object[30]! ^ 1)) }));
  const garbage = Uint8Array.of(1, 2, 3);
  await expected("batch_unreadable", check(saying(garbage), { objects: swap(garbage) }));
  const neighbour = built.objects.get(built.batches[3]!.key)!;
  await expected("batch_altered", check(saying(neighbour), { objects: swap(neighbour) }));
  const forged = await build(otherSigner);
  const theirs = forged.objects.get(key)!;
  await expected("signature_invalid", check(saying(theirs), { objects: swap(theirs) }));
  await expected("signature_invalid", check(page, { keys: [] }));
  const elsewhere = built.batches.with(2, {
    ...built.batches[2]!,
    key: "_system/0000000000000051.jsonl.gz",
  });
  await expected("batch_altered", check({ ...page, proof: { ...page.proof, batches: elsewhere } }));
});

test("a list of batches with a hole, or that ends too early or begins too late, is no proof", async () => {
  const page = answer({ action: "a.1*" });
  for (const at of built.batches.keys()) {
    const batches = built.batches.toSpliced(at, 1);
    const { findings } = await check({ ...page, proof: { ...page.proof, batches } });
    assert.match(findings[0]!.code, /^(batch_missing|entry_missing)$/, String(at));
  }
  const none = await check({ ...page, proof: { ...page.proof, batches: [] } });
  assert.equal(none.findings[0]!.code, "batch_missing");
});

test("with since and until only as many batches as show that the others are older or younger", async () => {
  const given = { action: "a.1*", since: timeOf(120), until: timeOf(170) };
  const needed = built.batches.slice(2, 4);
  const page = answer(given, { to: SIZE, batches: needed, tail: null });
  const report = await check(page);
  assert.deepEqual([report.findings, report.hits, report.provenTo], [[], 50, SIZE]);
  assert.deepEqual(codes(await check(without(page, 133))), [["entry_missing", 133, 133]]);
  for (const batches of [needed.slice(1), needed.slice(0, 1)]) {
    const short = answer(given, { to: SIZE, batches, tail: null });
    assert.equal((await check(short)).findings[0]?.code, "batch_missing");
  }
  const nothing = { action: "a.1*", since: formatTimeMs(Date.parse(timeOf(SIZE - 1)) + 1) };
  const last = answer(nothing, { batches: built.batches.slice(-1) });
  assert.deepEqual((await check(last)).findings, []);
});

test("of what is not sealed: the lines must be those that the receipt key promised, or nothing is proven of them", async () => {
  const page = answer({ action: "a.2*" }, { to: SIZE });
  const { lines, checkpoint } = built.tail;
  const tails: readonly (readonly [string, AnswerProof["tail"]])[] = [
    [
      "root_mismatch",
      { checkpoint, lines: [...lines.slice(0, -1), lines.at(-1)!.replace("é", "e")] },
    ],
    ["chain_broken", { checkpoint, lines: lines.slice(1) }],
    ["batch_altered", { checkpoint, lines: lines.slice(0, -1) }],
    ["signature_invalid", { checkpoint: await log.checkpoint(otherSigner), lines }],
    ["signature_invalid", { checkpoint: await log.checkpoint(), lines }],
  ];
  for (const [code, tail] of tails) {
    const report = await check({ ...page, proof: { ...page.proof, tail } });
    const found = report.findings[0]?.code;
    assert.ok(found === code || found === "entry_altered", `${found} for ${code}`);
    assert.equal(report.provenTo, SEALED);
  }
  const unknown = await check(page, { keys: [logKey] });
  assert.deepEqual([unknown.findings[0]?.code, unknown.provenTo], ["signature_invalid", SEALED]);
  const bare = await check({ ...page, proof: { ...page.proof, tail: null } });
  assert.deepEqual([bare.findings, bare.provenTo, bare.to], [[], SEALED, SIZE]);
});

test("pages join; a page that is not there is named; pages of several searches are refused", async () => {
  const given = { action: "a.1*" };
  const pages = [
    answer(given, { to: 90 }),
    answer(given, { from: 200 }),
    answer(given, { from: 90, to: 200 }),
  ];
  const report = await check(pages);
  assert.deepEqual([report.findings, report.from, report.to, report.hits], [[], 0, SEALED, 111]);
  assert.deepEqual(codes(await check(pages.slice(0, 2))), [["entry_missing", 90, 199]]);
  const invalid = (error: unknown) => error instanceof LogError && error.code === "invalid_answer";
  await assert.rejects(check([...pages, answer({ action: "a.2*" })]), invalid);
  await assert.rejects(check([]), invalid);
  await assert.rejects(check(answer(given, { filter: { action: "*" } })), invalid);
});

test("an answer is read from JSON as the server gives it, and nothing else is", () => {
  const page = JSON.parse(
    JSON.stringify({ ...answer({ action: "a.1*" }, { to: SIZE }), next_cursor: null }),
  ) as JsonObject;
  assert.equal(readAnswer(page).entries.length, 111);
  const proof = page["proof"] as JsonObject;
  const bad: readonly Json[] = [
    ...[null, [], {}, { entries: [] }, { ...page, entries: 1 }, { ...page, entries: [{ seq: 1 }] }],
    ...["log", "origin", "filter", "order", "from", "to", "sealed_to", "batches"].map((name) => ({
      ...page,
      proof: { ...proof, [name]: null },
    })),
    { ...page, proof: { ...proof, from: SIZE + 1 } },
    { ...page, proof: { ...proof, tail: { lines: [1], checkpoint: "" } } },
    { ...page, proof: { ...proof, batches: [{}] } },
  ];
  for (const value of bad) assert.throws(() => readAnswer(value), LogError);
});
