/** What was changed or taken from the index is never shown, by no route: a problem, or a body that breaks off. */
import assert from "node:assert/strict";
import test from "node:test";
import { leafHash } from "../../storage/log/hash.ts";
import { VaultError } from "../../storage/ports.ts";
import { LOG, type Fake } from "./fake.ts";
import { ENTRIES, makeLog, NDJSON } from "./reader.ts";

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
        assert.equal(fake.reported.pop()!.code, "entry_altered");
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

test("a sealed object that is not what was sealed, or not there, is not given", async () => {
  const { fake, problem } = await makeLog(3, 3, 3);
  const path = `/v1/logs/${LOG}/seals/0`;
  const get = fake.vault.get.bind(fake.vault);
  fake.vault.get = async (key, version) => (await get(key, version)).map((byte) => byte ^ 1);
  assert.equal((await problem(path)).code, "batch_altered");
  for (const code of ["vault_unreachable", "batch_missing", "batch_unreadable"] as const) {
    fake.vault.get = () => Promise.reject(new VaultError(code, "inside"));
    assert.equal((await problem(path)).code, code);
  }
});
