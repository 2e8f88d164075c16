/**
 * Which check of the page catches which attack: one row an attack, one column a check, and what must not be told green. Each is
 * a whole log whose server lies consistently; the page's own verifier looks at it.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import { parseCheckpoint } from "../../storage/log/checkpoint.ts";
import { leafHash, ZERO_HASH } from "../../storage/log/hash.ts";
import { parseNote } from "../../storage/log/note.ts";
import { flipping } from "../../worker/page/verify/flip.ts";
import { checkLog } from "../../worker/page/verify/log-check.ts";
import type { Remembered } from "../../worker/page/verify/remembered.ts";
import type { LogSource } from "../../worker/page/verify/source.ts";
import type { CheckName, CheckState, Verdict } from "../../worker/page/verify/verdict.ts";
import { logSigner, otherSigner } from "../log/demo-log.ts";
import { makeSource, type MemorySource } from "./memory-source.ts";

const COUNTS = [30, 30, 40];
const NAMES = ["chain", "signature", "root", "sealed", "remembered"] as const;
const AT = "2026-11-23T00:00:00.000Z";

const rememberedOf = (source: MemorySource, seal = 1): Remembered => ({
  ...parseCheckpoint(parseNote(source.sealed[seal]!.checkpoint).text),
  at: AT,
});

async function check(source: LogSource, remembered: Remembered | null): Promise<Verdict> {
  const vkeys = remembered === null ? [] : [logSigner.vkey];
  return checkLog(source, { scope: { kind: "everything" }, vkeys, remembered });
}

const statesOf = ({ checks }: Verdict): string =>
  NAMES.map((name) => `${name} ${checks[name].state}`).join(", ");

/** Every hash after an edit made anew, as an attacker with the database can. */
function rechain(lines: string[]): void {
  let prev = ZERO_HASH;
  for (const [seq, line] of lines.entries()) {
    lines[seq] = line.replace(/"prev":"[0-9a-f]{64}"/, `"prev":"${prev}"`);
    prev = toHex(leafHash(encodeUtf8(lines[seq])));
  }
}

interface Row {
  readonly attack: (source: MemorySource) => void | Promise<MemorySource>;
  /** What fails, with what it says; all else holds. */
  readonly caught: Partial<Record<CheckName, RegExp>>;
  readonly seq: number | null;
  readonly remembered?: (honest: MemorySource) => Remembered | null;
}

const edit = (source: MemorySource, seq: number): void => {
  source.rows[seq] = source.rows[seq]!.replace(`"a.${seq}"`, `"b.${seq}"`);
};

const TABLE: Readonly<Record<string, Row>> = {
  "edit one row": {
    attack: (source) => edit(source, 40),
    caught: { chain: /broken at 41/, root: /root/, sealed: /differs at 40/, remembered: /index/ },
    seq: 40,
  },
  "edit the last row": {
    attack: (source) => edit(source, 99),
    caught: { root: /root/, sealed: /differs at 99/, remembered: /index/ },
    seq: 99,
    remembered: (honest) => rememberedOf(honest, 2),
  },
  "edit a row and rebuild the whole chain": {
    attack: (source) => {
      edit(source, 40);
      rechain(source.rows);
    },
    caught: { root: /root/, sealed: /differs at 40/, remembered: /index/ },
    seq: 40,
  },
  "delete a row": {
    attack: (source) => void source.rows.splice(40, 1),
    caught: { chain: /broken at 40/, root: /short/, sealed: /differs at 40/, remembered: /index/ },
    seq: 40,
  },
  "roll back to an older true state": {
    attack: (source) => {
      source.sealed.pop();
      source.rows.length = 60;
      source.committed = source.sealed[1]!.checkpoint;
    },
    caught: { remembered: /rolled back: seen 100 sealed entries, now there are 60/ },
    seq: 60,
    remembered: (honest) => rememberedOf(honest, 2),
  },
  "rewrite all, with another key": {
    attack: () => makeSource(COUNTS, { salt: 7, signer: otherSigner }),
    caught: { signature: /another key/, remembered: /vault/ },
    seq: null,
  },
  "rewrite all, with the stolen key, seen before": {
    attack: () => makeSource(COUNTS, { salt: 7 }),
    caught: { remembered: /the vault's first 60 entries are others/ },
    seq: null,
  },
  "the server notices the edit by itself": {
    attack: (source) => void source.refused.add(40),
    caught: { chain: /broken at 40/, root: /root/, sealed: /differs at 40/ },
    seq: 40,
  },
};

for (const [name, row] of Object.entries(TABLE)) {
  test(`${name}: caught by the checks that can, and by no other`, async () => {
    const honest = await makeSource(COUNTS);
    const remembered = row.remembered === undefined ? rememberedOf(honest) : row.remembered(honest);
    const source = (await row.attack(honest)) ?? honest;
    const verdict = await check(source, remembered);
    assert.equal(verdict.badge, "Does not match");
    assert.equal(verdict.whole, false);
    for (const check of NAMES) {
      const { state, words } = verdict.checks[check];
      const expected = row.caught[check];
      assert.equal(state, expected === undefined ? "holds" : "fails", `${check}: ${words}`);
      if (expected !== undefined) assert.match(words, expected);
    }
    const named = verdict.faults.find(({ check }) => check === "sealed" || check === "remembered");
    if (row.seq !== null) assert.equal(named?.first, row.seq);
    assert.notEqual(verdict.checks.tail.state, "fails");
  });
}

test("rewritten with the stolen key at a first visit: not provable here, and never plain green", async () => {
  const verdict = await check(await makeSource(COUNTS, { salt: 7 }), null);
  assert.equal(verdict.badge, "Verified here");
  assert.equal(verdict.checks.remembered.state, "open");
  assert.equal(verdict.checks.key.state, "open");
  assert.match(verdict.words, /Not provable here: no witness/);
  assert.match(verdict.checks.witness.words, /not provable here: no witness/);
});

test("a true log holds, its unsealed tail is told apart, and is never green", async () => {
  const source = await makeSource(COUNTS, { tail: 5 });
  const progress: number[] = [];
  const states: CheckState[] = [];
  const verdict = await checkLog(source, {
    ...{ scope: { kind: "everything" }, vkeys: [logSigner.vkey], remembered: rememberedOf(source) },
    onProgress: ({ entries }) => progress.push(entries),
    onChecks: ({ chain }) => states.push(chain.state),
  });
  assert.equal(statesOf(verdict), NAMES.map((name) => `${name} holds`).join(", "));
  assert.deepEqual([verdict.badge, verdict.whole, verdict.size], ["Verified here", true, 100]);
  assert.equal(verdict.checks.tail.state, "open");
  assert.match(verdict.checks.tail.words, /^5 not sealed yet/);
  assert.deepEqual(
    progress.toSorted((a, b) => a - b),
    progress,
    "progress never goes back",
  );
  assert.ok(states.includes("running"));
  edit(source, 102);
  const worse = await check(source, rememberedOf(source));
  assert.equal(worse.checks.tail.state, "fails");
  assert.equal(worse.badge, "Does not match");
});

test("the two lines of an altered entry stand side by side", async () => {
  const source = await makeSource(COUNTS);
  edit(source, 40);
  const [fault] = (await check(source, null)).faults.filter(({ check }) => check === "sealed");
  assert.match(fault!.vault!, /"a\.40"/);
  assert.match(fault!.index!, /"b\.40"/);
  assert.deepEqual([fault!.code, fault!.first, fault!.log], ["entry_altered", 40, "demo"]);
  assert.match(fault!.hint, /sealed batch/);
});

test("a part of the log is checked in whole seals, against the newest checkpoint", async () => {
  const source = await makeSource(COUNTS);
  const options = { vkeys: [logSigner.vkey], remembered: rememberedOf(source, 0) };
  const scope = { kind: "range", first: 35, last: 45 } as const;
  const verdict = await checkLog(source, { scope, ...options });
  assert.equal(verdict.badge, "Verified here");
  assert.equal(statesOf(verdict), NAMES.map((name) => `${name} holds`).join(", "));
  assert.deepEqual([verdict.progress.entries, verdict.whole], [30, false]);
  edit(source, 36);
  const worse = await checkLog(source, { scope, ...options });
  assert.equal(worse.checks.sealed.state, "fails");
  assert.equal(worse.faults.find(({ check }) => check === "sealed")?.first, 36);
});

test("a sealed object that is damaged, missing or another one is named by its place", async () => {
  for (const spoil of [
    (source: MemorySource) => (source.sealed[1]!.object[40]! ^= 1),
    (source: MemorySource) => (source.sealed[1]!.object = source.sealed[0]!.object),
    (source: MemorySource) => source.sealed.splice(1, 1),
  ]) {
    const source = await makeSource(COUNTS);
    spoil(source);
    const verdict = await check(source, null);
    assert.equal(verdict.badge, "Does not match");
    assert.equal(verdict.checks.root.state, "holds", "the index is still what was signed");
    const fault = verdict.faults.find(({ check }) => check !== "root")!;
    assert.equal(fault.first, 30, JSON.stringify(fault));
  }
});

test("who may not read batches sees that part skipped, and the index checked", async () => {
  const source = await makeSource(COUNTS);
  source.isAuditor = false;
  const verdict = await check(source, rememberedOf(source));
  assert.equal(verdict.checks.sealed.state, "skipped");
  assert.equal(verdict.checks.root.state, "holds");
  assert.equal(verdict.checks.remembered.state, "holds");
  edit(source, 10);
  assert.equal((await check(source, rememberedOf(source))).checks.root.state, "fails");
});

test("nothing sealed yet is not checked, whatever the tail says", async () => {
  const verdict = await check(await makeSource([], { tail: 3 }), null);
  assert.equal(verdict.badge, "Not checked");
  assert.equal(verdict.checks.root.state, "skipped");
});

test("one character flipped in memory goes red like a real change", async () => {
  const source = await makeSource(COUNTS);
  const verdict = await check(flipping(source, 50), null);
  assert.equal(verdict.badge, "Does not match");
  assert.match(verdict.checks.sealed.words, /differs at 50/);
  assert.equal((await check(source, null)).badge, "Verified here");
});
