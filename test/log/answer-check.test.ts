/** The answer of a search is held against the sealed batches: what it left out or put in is named, and so is a proof that does not reach. */
import assert from "node:assert/strict";
import test from "node:test";
import { nodeGzip } from "../../storage/gzip.ts";
import { webCryptoVerify } from "../../storage/keys.ts";
import { AnswerCheck, type AnswerReport, type Asked } from "../../storage/log/answer-check.ts";
import { readAnswer, type AnswerProof, type ProvenAnswer } from "../../storage/log/answer-proof.ts";
import { batchesOf } from "../../storage/log/batch-read.ts";
import { LogError } from "../../storage/log/errors.ts";
import { matchesLine, parseFilter } from "../../storage/log/filter.ts";
import type { Json, JsonObject } from "../../storage/log/json.ts";
import type { VerifierKey } from "../../storage/log/note.ts";
import { formatTimeMs } from "../../storage/log/time.ts";
import { build, SEALED, SIZE } from "./answer-log.ts";
import { DemoLog, logKey, ORIGIN, otherSigner, receiptKey, receiptSigner } from "./demo-log.ts";

const built = await build();
const { log } = built;
const timeOf = (seq: number): string => (JSON.parse(log.lines[seq]!) as { time: string }).time;

type Changes = Partial<AnswerProof> & { readonly isLast?: boolean };

/** As the server gives it, but that with `since` it would say to begin to read later. A part is given as what lies between two cursors. */
function answer(given: Record<string, string>, changes: Changes = {}): ProvenAnswer {
  const { isLast = true, ...changed } = changes;
  const filter = parseFilter((name) => given[name] ?? null);
  const { from = 0, to = SEALED, order = "asc" } = changed;
  const begin = Math.max(0, Math.min(from, SEALED - 1));
  const entries = log.lines.flatMap((line, seq) => {
    if (seq < from || seq >= to || !matchesLine(filter, line)) return [];
    return [{ seq, hash: log.leaves[seq]!, entry: JSON.parse(line) as JsonObject }];
  });
  if (order === "desc") entries.reverse();
  const searched = order === "asc" && isLast ? to : SIZE;
  const beforeAsc = from === 0 ? null : from - 1;
  const proof = {
    ...{ log: "demo", origin: ORIGIN, filter: given, order, asked_from: null },
    after: order === "asc" ? beforeAsc : to === SIZE ? null : to,
    ...{ from, to, checkpoint: built.checkpoint, sealed_to: Math.min(to, SEALED) },
    read_from: built.firsts.findLast((first) => first <= begin)!,
    tail: to > SEALED ? built.tail : null,
    ...changed,
  };
  const searched_to = Math.max(searched, SEALED);
  return { entries, next_cursor: isLast ? null : "more", searched_to, proof };
}

interface Having {
  readonly objects?: ReadonlyMap<number, Uint8Array>;
  readonly keys?: readonly VerifierKey[];
  readonly asked?: Asked;
}

async function check(
  pages: ProvenAnswer | readonly ProvenAnswer[],
  having: Having = {},
): Promise<AnswerReport> {
  const { objects = built.objects, keys = [logKey, receiptKey], asked } = having;
  const checking = new AnswerCheck({
    keysFor: () => keys,
    batches: (name, origin) =>
      batchesOf({
        ...{ log: name, origin, keys, verify: webCryptoVerify() },
        fetch: async (first) => objects.get(first) ?? null,
        gunzip: (object, bytesMax) => nodeGzip.gunzip(object, bytesMax),
      }),
    verify: webCryptoVerify(),
    ...(asked === undefined ? {} : { asked }),
  });
  for (const page of Array.isArray(pages) ? pages : [pages as ProvenAnswer]) {
    await checking.page(page);
  }
  return checking.finish();
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
    { from: 60, to: 200, isLast: false },
    { from: 60, to: 200, order: "desc", isLast: false },
    { to: SIZE },
    { to: SIZE, order: "desc" },
    { from: SEALED },
    { from: SEALED + 3, to: SIZE },
  ] as const) {
    for (const given of [
      { action: "a.1*" },
      { actor: "é", q: "77" },
      { action: "nothing" },
    ] as const) {
      const page = answer(given, changes);
      const report = await check(page);
      assert.deepEqual(report.findings, [], JSON.stringify([given, changes, report.findings]));
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

test("one replaced by its older duplicate, by one of another log, or put elsewhere is named, and so is what it hides", async () => {
  const page = answer({ actor: "é", q: "77" }, { to: SIZE });
  const [hit] = page.entries;
  assert.equal(hit?.seq, 77);
  const older = { seq: 77, hash: log.leaves[7]!, entry: JSON.parse(log.lines[7]!) as JsonObject };
  const other = await build(undefined, 1);
  const theirs = JSON.parse(other.log.lines[77]!) as JsonObject;
  const foreign = { seq: 77, hash: other.log.leaves[77]!, entry: theirs };
  for (const put of [older, foreign]) {
    const { findings, hits } = await check({ ...page, entries: [put] });
    assert.deepEqual(codes({ findings } as AnswerReport), [["entry_altered", 77, 77]]);
    assert.equal(hits, 0);
  }
  const moved = await check({ ...page, entries: [{ ...older, seq: 7 }] });
  assert.deepEqual(codes(moved), [
    ["entry_missing", 77, 77],
    ["entry_altered", 7, 7],
  ]);
});

test("batches that are missing, altered, unreadable, forged or of another log prove nothing", async () => {
  const page = answer({ action: "a.1*" });
  const first = built.firsts[2]!;
  const swap = (object: Uint8Array | undefined): ReadonlyMap<number, Uint8Array> => {
    const objects = new Map(built.objects);
    if (object === undefined) objects.delete(first);
    else objects.set(first, object);
    return objects;
  };
  const object = built.objects.get(first)!;
  const other = await build(undefined, 1);
  const forged = await build(otherSigner);
  const cases: readonly (readonly [string, Uint8Array | undefined])[] = [
    ["batch_missing", undefined],
    ["batch_unreadable", object.with(30, object[30]! ^ 1)],
    ["batch_unreadable", Uint8Array.of(1, 2, 3)],
    ["batch_altered", built.objects.get(built.firsts[3]!)],
    ["chain_broken", other.objects.get(first)],
    ["signature_invalid", forged.objects.get(first)],
  ];
  for (const [code, swapped] of cases) {
    const { findings, provenTo } = await check(page, { objects: swap(swapped) });
    assert.deepEqual([findings[0]?.code, provenTo], [code, 0], JSON.stringify(findings[0]));
  }
  assert.equal((await check(page, { keys: [] })).findings[0]?.code, "signature_invalid");
});

test("a whole other past, signed by the same key, does not lead to the checkpoint that came with the answer", async () => {
  const other = await build(undefined, 1);
  const page = answer({ action: "a.1*" });
  const { findings } = await check(page, { objects: other.objects });
  const fork = findings.find(({ code }) => code === "fork");
  assert.deepEqual([fork?.first, fork?.last], [241, SEALED - 1]);
});

test("pages whose batches are of two histories are a fork", async () => {
  const other = await build(undefined, 1);
  const given = { action: "a.1*" };
  const pages = [
    answer(given, { to: 151, isLast: false }),
    answer(given, { from: 151, checkpoint: other.checkpoint }),
  ];
  const objects = new Map(
    [...built.objects].map(([first, object]) => [
      first,
      first < 151 ? object : other.objects.get(first)!,
    ]),
  );
  const { findings } = await check(pages, { objects });
  assert.deepEqual([findings[0]?.code, findings[0]?.first], ["fork", 150]);
});

test("where the answer says to begin to read too late, or batches end too early, is no proof", async () => {
  const page = answer({ action: "a.1*" });
  for (const read_from of built.firsts.slice(1)) {
    const { findings } = await check({ ...page, proof: { ...page.proof, read_from } });
    assert.equal(findings[0]?.code, "batch_missing", String(read_from));
  }
  for (const first of built.objects.keys()) {
    const objects = new Map([...built.objects].filter(([other]) => other < first));
    const { findings, provenTo } = await check(page, { objects });
    assert.deepEqual([findings[0]?.code, findings[0]?.last, provenTo], ["batch_missing", 260, 0]);
  }
});

test("what an answer is silent about is named: a search, a page or a range that is shorter than it should be, or longer", async () => {
  const given = { action: "a.1*" };
  const whole = answer(given);
  const cases: readonly (readonly [string, ProvenAnswer, readonly number[]])[] = [
    ["searched_to lowered", { ...answer(given, { to: 240 }), searched_to: 240 }, [240, 260]],
    ["searched_to raised", { ...whole, searched_to: 300 }, [261, 299]],
    ["to lowered", answer(given, { to: 240, isLast: true }), [240, 260]],
    [
      "to raised",
      answer(given, { to: SIZE + 9, tail: { ...built.tail, lines: null } }),
      [261, 284],
    ],
    ["sealed_to lowered", answer(given, { sealed_to: 240 }), [240, 260]],
    ["from raised", answer(given, { from: 30, after: null, read_from: 0 }), [0, 29]],
    [
      "newest first, to lowered",
      answer(given, { order: "desc", to: 240, after: null }),
      [240, 275],
    ],
    ["newest first, ends early", answer(given, { order: "desc", from: 30, to: SIZE }), [0, 29]],
    [
      "newest first, asked from",
      answer(given, { order: "desc", to: 90, after: null, asked_from: 99 }),
      [90, 99],
    ],
  ];
  for (const [what, page, [first, last]] of cases) {
    const { findings } = await check(page);
    const found = findings.find((finding) => finding.first === first && finding.last === last);
    assert.ok(
      found !== undefined,
      `${what}: ${JSON.stringify(codes({ findings } as AnswerReport))}`,
    );
  }
  const old = await check(answer(given, { checkpoint: null, sealed_to: 0, tail: null }));
  assert.deepEqual([old.provenTo, old.checkpointSize], [0, 0]);
});

test("who knows what was asked for is told where the answer is to something else, or is old", async () => {
  const asked: Asked = {
    ...{ log: "demo", order: "asc", from: null, sealedSize: SEALED },
    filter: parseFilter((name) => (name === "action" ? "a.1*" : null)),
  };
  const page = answer({ action: "a.1*" });
  assert.deepEqual((await check(page, { asked })).findings, []);
  for (const other of [
    answer({ action: "a.11*" }),
    answer({ action: "a.1*", outcome: "denied" }),
    answer({ action: "a.1*" }, { order: "desc", to: SIZE }),
    answer({ action: "a.1*" }, { from: 9, asked_from: 9, after: null, read_from: 0 }),
    answer({ action: "a.1*" }, { from: 9 }),
  ]) {
    const { findings } = await check(other, { asked });
    assert.equal(findings[0]?.code, "entry_altered", JSON.stringify(other.proof));
  }
  const { findings } = await check(page, { asked: { ...asked, sealedSize: SEALED + 5 } });
  assert.deepEqual(
    findings.map(({ code, first, last }) => [code, first, last]),
    [["entry_missing", SEALED, SEALED + 4]],
  );
});

test("with since and until only as many batches as show that the others are older or younger", async () => {
  const given = { action: "a.1*", since: timeOf(120), until: timeOf(170) };
  const needed = new Map([...built.objects].filter(([first]) => [51, 151].includes(first)));
  const page = answer(given, { to: SIZE, read_from: 51, tail: null });
  const report = await check(page, { objects: needed });
  assert.deepEqual([report.findings, report.hits, report.provenTo], [[], 50, SIZE]);
  assert.deepEqual(codes(await check(without(page, 133))), [["entry_missing", 133, 133]]);
  const late = answer(given, { to: SIZE, read_from: 151, tail: null });
  assert.equal((await check(late)).findings[0]?.code, "batch_missing");
  const early = new Map([...needed].slice(0, 1));
  assert.equal((await check(page, { objects: early })).findings[0]?.code, "batch_missing");
  const nothing = { action: "a.1*", since: formatTimeMs(Date.parse(timeOf(SIZE - 1)) + 1) };
  const last = answer(nothing, { read_from: 241 });
  assert.deepEqual((await check(last)).findings, []);
});

test("of what is not sealed: the lines must be those that the receipt key promised, or nothing is proven of them", async () => {
  const page = answer({ action: "a.2*" }, { to: SIZE });
  const { lines, checkpoint } = built.tail;
  const half = new DemoLog();
  half.append(SIZE - 5);
  const tails: readonly (readonly [string, AnswerProof["tail"]])[] = [
    [
      "root_mismatch",
      { checkpoint, lines: [...lines.slice(0, -1), lines.at(-1)!.replace("é", "e")] },
    ],
    ["chain_broken", { checkpoint, lines: lines.slice(1) }],
    ["batch_altered", { checkpoint, lines: lines.slice(0, -1) }],
    ["batch_altered", { checkpoint: await half.checkpoint(receiptSigner), lines: null }],
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
  for (const tail of [null, { lines: null, checkpoint }]) {
    const bare = await check({ ...page, proof: { ...page.proof, tail } });
    assert.deepEqual([bare.provenTo, bare.to], [SEALED, SIZE]);
  }
});

test("pages join; a page that is not there is named; pages of several searches are refused", async () => {
  const given = { action: "a.1*" };
  const pages = [
    answer(given, { to: 90, isLast: false }),
    answer(given, { from: 90, to: 200, isLast: false }),
    answer(given, { from: 200 }),
  ];
  for (const some of [pages, pages.toReversed()]) {
    const report = await check(some);
    assert.deepEqual([report.findings, report.from, report.to, report.hits], [[], 0, SEALED, 111]);
  }
  const gap = await check(pages.toSpliced(1, 1));
  assert.deepEqual(codes(gap), [["entry_missing", 90, 199]]);
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
    ...["log", "origin", "filter", "order", "from", "to", "sealed_to", "read_from"].map((name) => ({
      ...page,
      proof: { ...proof, [name]: null },
    })),
    { ...page, proof: { ...proof, from: SIZE + 1 } },
    { ...page, proof: { ...proof, tail: { lines: [1], checkpoint: "" } } },
    { ...page, proof: { ...proof, checkpoint: 1 } },
    { ...page, proof: { ...proof, after: -1 } },
    { ...page, next_cursor: 1 },
    { ...page, searched_to: null },
  ];
  for (const value of bad) assert.throws(() => readAnswer(value), LogError);
});
