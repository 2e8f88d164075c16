/** The structure check finds what it is there to find, and nothing else. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import test from "node:test";
import { checkStructure } from "../../scripts/parts/structure.ts";

const COMMENT = "/** What it is. */\n";

/** Files, each with what must be said of it; `null`: nothing. */
const CASES: Readonly<Record<string, readonly [text: string, complaint: string | null]>> = {
  "storage/log/good.ts": [`${COMMENT}import { sha256 } from "@noble/hashes/sha2.js";\n`, null],
  "storage/log/node.ts": [`${COMMENT}import fs from "node:fs";\n`, "may not import node:fs"],
  "storage/log/out.ts": [
    `${COMMENT}import { x } from "../ports.ts";\n`,
    "may not import ../ports.ts",
  ],
  "storage/log/lazy.ts": [`${COMMENT}await import("jose");\n`, "may not import jose"],
  "storage/flow/port.ts": [`${COMMENT}import type { Index } from "../ports.ts";\n`, null],
  "storage/flow/adapter.ts": [
    `${COMMENT}import {\n  a,\n  b,\n} from "../index/index.ts";\n`,
    "may not import ../index/index.ts",
  ],
  "storage/vault/index.ts": [
    `${COMMENT}export { x } from "../index/index.ts";\n`,
    "may not import ../index/index.ts",
  ],
  "worker/page.ts": [
    `${COMMENT}import "../scripts/start.ts";\n`,
    "may not import ../scripts/start.ts",
  ],
  "scripts/any.ts": [`#!/usr/bin/env node\n${COMMENT}import "jose";\n`, null],
  "scripts/silent.ts": [`import "jose";\n`, "no opening comment"],
  "test/long.ts": [COMMENT + "1;\n".repeat(400), "401 lines; 400 is the most"],
};

test("each kind of complaint, and none where there is nothing to complain of", async () => {
  const root = await mkdtemp(join(tmpdir(), "indelible-structure-"));
  try {
    for (const [path, [text]] of Object.entries(CASES)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
    const expected = Object.entries(CASES)
      .filter(([, [, complaint]]) => complaint !== null)
      .map(([path, [, complaint]]) => `${path}: ${complaint}`);
    assert.deepEqual((await checkStructure(root)).sort(), expected.sort());
  } finally {
    await rm(root, { recursive: true });
  }
});
