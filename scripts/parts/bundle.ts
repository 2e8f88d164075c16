/**
 * The worker's program, bundled by wrangler from `wrangler.toml`: the same bytes that a deploy would
 * upload. A bundle is kept under the hash of everything that it was made from, so a start with
 * unchanged sources skips the two seconds that bundling takes.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { keptBuild } from "./kept-build.mjs";
import { runTool } from "./tool.ts";

/** Everything that a bundle depends on. The lock file stands for the packages. */
const SOURCES = [
  ...["wrangler.toml", "package-lock.json", "tsconfig.json", "FORMAT.md"],
  ...["worker", "storage", "scripts/parts/page-build.ts"],
];

/** The folder with the bundle of today's sources, made if it is not there. */
export function bundleWorker(say: (message: string) => void): Promise<string> {
  return keptBuild("worker", SOURCES, async (folder) => {
    say("Bundling the worker.");
    await runWrangler(folder);
  });
}

async function runWrangler(folder: string): Promise<void> {
  const wrangler = join("node_modules", "wrangler", "bin", "wrangler.js");
  const args = ["deploy", "--dry-run", "--outdir", folder];
  const { ok, said } = await runTool(process.execPath, [wrangler, ...args], {
    env: {
      ...process.env,
      WRANGLER_SEND_METRICS: "false",
      WRANGLER_HIDE_BANNER: "true",
      WRANGLER_LOG_PATH: join(folder, "logs"),
      NO_COLOR: "1",
    },
  });
  if (!ok) throw new Error(`wrangler could not bundle the worker:\n${said.trim()}`);
  await rm(join(folder, "logs"), { recursive: true, force: true });
}
