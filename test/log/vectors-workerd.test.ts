/** The golden vectors once more, inside the workerd that serves the worker. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { readVectors } from "./vectors-files.ts";
import { vectorCases } from "./vectors-suite.ts";

const CONFIG = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "vectors", worker = .vectors)]);
const vectors :Workerd.Worker = (
  modules = [(name = "vectors.js", esModule = embed "vectors.js")],
  compatibilityDate = "2026-04-01",
);
`;

const TIMEOUT_MS = 60_000;
/** The path of the program itself: what the package exports. */
const { default: workerd } = createRequire(import.meta.url)("workerd") as { default: string };

test("the golden vectors hold in workerd", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "indelible-vectors-"));
  t.after(() => rm(folder, { recursive: true }));
  await bundle(join(folder, "vectors.js"));
  await writeFile(join(folder, "config.capnp"), CONFIG);
  const { stdout, stderr } = await promisify(execFile)(
    workerd,
    ["test", join(folder, "config.capnp")],
    { timeout: TIMEOUT_MS },
  );
  const count = vectorCases(readVectors()).length;
  assert.match(stdout + stderr, new RegExp(`all ${count} vectors hold`));
  assert.match(stderr, /\[ PASS \]/);
});

async function bundle(outfile: string): Promise<void> {
  const material = readVectors();
  const demo = material.demo.map(({ name, bytes }) => ({
    name,
    base64: Buffer.from(bytes).toString("base64"),
  }));
  await build({
    entryPoints: [fileURLToPath(new URL("vectors.worker.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    define: { VECTORS: JSON.stringify({ ...material, demo }) },
    outfile,
    logLevel: "error",
  });
}
