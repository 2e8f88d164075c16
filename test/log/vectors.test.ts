/** The golden vectors in Node. `vectors-workerd.test.ts` runs the same cases in workerd. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import test from "node:test";
import { readVectors } from "./vectors-files.ts";
import { vectorCases } from "./vectors-suite.ts";

for (const { name, run } of vectorCases(readVectors())) test(`vector: ${name}`, async () => run());

test("every vector file has its cases", () => {
  const files = readdirSync(new URL("../vectors/", import.meta.url)).sort();
  assert.deepEqual(files, [
    "README.md",
    "acknowledgement.json",
    "canonical.json",
    "checkpoint.json",
    "demo",
    "demo.vkey",
    "entries.json",
    "merkle.json",
    "receipt.json",
    "tiles.json",
  ]);
});
