/** The adapter inside the workerd that serves the worker. */
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
import { migrate } from "../../storage/index/migrate.ts";
import { freePorts } from "../../scripts/parts/ports.ts";
import { startSqld } from "../parts/sqld.ts";

const TIMEOUT_MS = 60_000;
/** The path of the program itself: what the package exports. */
const { default: workerd } = createRequire(import.meta.url)("workerd") as { default: string };

test("the index works in workerd", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "indelible-index-"));
  const sqld = await startSqld();
  t.after(async () => {
    await sqld.stop();
    await rm(folder, { recursive: true });
  });
  await migrate({ url: sqld.url, authToken: sqld.ddlToken });
  await build({
    entryPoints: [fileURLToPath(new URL("index.worker.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    platform: "neutral",
    conditions: ["workerd", "worker", "browser"],
    mainFields: ["module", "main"],
    external: ["node:*"],
    outfile: join(folder, "index.js"),
    logLevel: "error",
  });
  const [nobody] = await freePorts([0]);
  const bindings = { URL: sqld.url, TOKEN: sqld.authToken, NOBODY: `http://127.0.0.1:${nobody}` };
  await writeFile(join(folder, "config.capnp"), config(bindings));
  const { stdout, stderr } = await promisify(execFile)(
    workerd,
    ["test", join(folder, "config.capnp")],
    { timeout: TIMEOUT_MS },
  );
  assert.match(stdout + stderr, /the index works in workerd/);
  assert.match(stderr, /\[ PASS \]/);
});

function config(bindings: Record<string, string>): string {
  const texts = Object.entries(bindings).map(
    ([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)})`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [
  (name = "index", worker = .index),
  (name = "internet", network = (allow = ["private"])),
]);
const index :Workerd.Worker = (
  modules = [(name = "index.js", esModule = embed "index.js")],
  bindings = [${texts.join(", ")}],
  compatibilityDate = "2026-04-01",
  compatibilityFlags = ["nodejs_compat"],
);
`;
}
