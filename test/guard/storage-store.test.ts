/** The guard's records in the storage of a Durable Object, in the workerd that serves the worker. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";

const TIMEOUT_MS = 60_000;
const { default: workerd } = createRequire(import.meta.url)("workerd") as { default: string };

test("a Durable Object keeps the guard's records, and the next process has them", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "indelible-guard-"));
  t.after(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, "objects"));
  await build({
    entryPoints: [fileURLToPath(new URL("storage-store.worker.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    platform: "neutral",
    external: ["node:*", "cloudflare:*"],
    outfile: join(folder, "worker.js"),
    logLevel: "error",
  });
  await writeFile(join(folder, "config.capnp"), config(join(folder, "objects")));
  const run = () =>
    promisify(execFile)(workerd, ["test", join(folder, "config.capnp")], { timeout: TIMEOUT_MS });
  assert.match((await run()).stderr, /\[ PASS \]/);
  const { stdout, stderr } = await run();
  assert.match(stdout + stderr, /the records are still there/);
});

const config = (objects: string) => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [
  (name = "main", worker = .main),
  (name = "objects", disk = (path = ${JSON.stringify(objects)}, writable = true)),
]);
const main :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  bindings = [(name = "RECORDS", durableObjectNamespace = "Records")],
  durableObjectNamespaces = [(className = "Records", uniqueKey = "records", enableSql = true)],
  durableObjectStorage = (localDisk = "objects"),
  compatibilityDate = "2026-04-01",
  compatibilityFlags = ["nodejs_compat"],
);
`;
