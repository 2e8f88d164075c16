/**
 * The commands as esbuild makes them of their TypeScript and of the packages that they use: a command is there in a tenth of the time
 * that a thousand small files take. In plain JavaScript, because it comes before anything can be translated.
 */
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { keptBuild } from "./kept-build.mjs";

/** All that is bundled. The lock file stands for the packages. */
const SOURCES = [
  "package-lock.json",
  "tsconfig.json",
  "scripts",
  "storage",
  "worker/page-files.ts",
];

/** Programs and native code, which stay where they are. */
const EXTERNAL = ["esbuild", "libsql", "playwright-core"];

/** Packages that are not ES modules ask for what Node brings by `require`. */
const REQUIRE = `import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);`;

/** The path of a command's program. */
export async function bundledCommand(verb) {
  return resolve(await keptBuild("commands", SOURCES, bundle), `${verb}.mjs`);
}

async function bundle(outdir) {
  const { build, stop } = await import("esbuild");
  const scripts = (await readdir("scripts")).filter((name) => name.endsWith(".ts"));
  await build({
    entryPoints: scripts.map((name) => join("scripts", name)),
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    outExtension: { ".js": ".mjs" },
    platform: "node",
    target: "node20.19",
    external: EXTERNAL,
    banner: { js: REQUIRE },
    logLevel: "error",
  });
  await stop(); // Else its process stays as long as the command.
}
