/**
 * The page's files: bundled by esbuild, named by their hash, and held to a budget. All of them go into one text of JSON that
 * the worker carries as a module (`worker/page-files.ts` reads it): the shell, and each other file by its address.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type BuildOptions } from "esbuild";
import type { PageFile, PageFiles } from "../../worker/page-files.ts";

const SOURCES = join("worker", "page");
const TARGET = join("build", "page.txt");

/**
 * Gzipped, in bytes. What somebody on a slow line waits for is all but `worker` (45 KB are a second at 400 kbit/s): a fifth of it is
 * Preact with its signals. The verifier's thread is loaded when something is checked; it is the log's own code, a fifth of it hashes and signatures.
 * What is left is told apart best by its metafile; repeated mark-up costs next to nothing, sentences and rules do.
 */
const BUDGET = { main: 41_500, worker: 36_000, css: 5_000, all: 83_000 };
const BROWSERS = ["chrome123", "firefox120", "safari17.5"];

export interface PageBuild {
  readonly files: PageFiles;
  /** Gzipped bytes. */
  readonly sizes: Readonly<Record<keyof typeof BUDGET, number>>;
}

/** Builds everything. Throws where a source is wrong, or what was built is over the budget. */
export async function buildPage(): Promise<PageBuild> {
  const worker = named("verify", "js", await bundle("verify-worker.ts"));
  const icon = named("icon", "svg", await readFile(join(SOURCES, "icon.svg"), "utf8"));
  const [mainText, themeText, cssText, shell] = await Promise.all([
    bundle("main.tsx", {
      VERIFY_WORKER: JSON.stringify(worker.address),
      ICON: JSON.stringify(icon.address),
    }),
    bundle("theme.ts"),
    bundle("page.css"),
    readFile(join(SOURCES, "shell.html"), "utf8"),
  ]);
  const main = named("page", "js", mainText);
  const theme = named("theme", "js", themeText);
  const css = named("page", "css", cssText);
  const addresses = { main, theme, css, icon };
  const filled = shell.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const file = addresses[name as keyof typeof addresses];
    if (file === undefined) throw new Error(`shell.html asks for {{${name}}}, which there is not.`);
    return file.address;
  });
  const others = [main, worker, theme, css, icon];
  const sizes = {
    main: gzipped(mainText),
    worker: gzipped(worker.file.text),
    css: gzipped(cssText),
    all: [filled, ...others.map(({ file }) => file.text)].reduce(
      (sum, text) => sum + gzipped(text),
      0,
    ),
  };
  assertWithin(sizes);
  const files = Object.fromEntries(others.map(({ address, file }) => [address, file]));
  return { files: { shell: filled, files }, sizes };
}

/** Writes `build/page.txt`, whole or not at all: another start may be reading it. */
export async function writePage({ files }: PageBuild): Promise<void> {
  await mkdir("build", { recursive: true });
  const unfinished = `${TARGET}.${process.pid}`;
  await writeFile(unfinished, JSON.stringify(files));
  await rename(unfinished, TARGET);
}

export function describeSizes({ sizes }: PageBuild): string {
  const parts = Object.entries(sizes).map(([name, bytes]) => `${name} ${kilobytes(bytes)}`);
  return `The page, gzipped: ${parts.join(", ")} of ${kilobytes(BUDGET.all)} KB.`;
}

/** Classic calls: what the compiler checks as automatic JSX (`worker/page/tsconfig.json`), in fewer bytes. */
const JSX = {
  jsx: "transform",
  jsxFactory: "h",
  jsxFragment: "Fragment",
  inject: [join(SOURCES, "jsx.ts")],
} satisfies BuildOptions;

async function bundle(entry: string, define: Record<string, string> = {}): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(SOURCES, entry)],
    bundle: true,
    minify: true,
    write: false,
    format: entry === "main.tsx" || entry === "verify-worker.ts" ? "esm" : "iife",
    target: BROWSERS,
    ...(entry === "main.tsx" ? JSX : {}),
    charset: "utf8",
    legalComments: "none",
    logLevel: "silent",
    define,
    tsconfigRaw: { compilerOptions: { target: "esnext", verbatimModuleSyntax: true } },
  });
  return outputFiles[0]!.text;
}

const TYPES = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

function named(
  name: string,
  ending: keyof typeof TYPES,
  text: string,
): { readonly address: string; readonly file: PageFile } {
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 12);
  return { address: `/assets/${name}-${hash}.${ending}`, file: { type: TYPES[ending], text } };
}

function gzipped(text: string): number {
  return gzipSync(text, { level: 9 }).length;
}

function assertWithin(sizes: PageBuild["sizes"]): void {
  for (const [name, max] of Object.entries(BUDGET)) {
    const bytes = sizes[name as keyof typeof BUDGET];
    if (bytes <= max) continue;
    throw new Error(
      `The page is too large: ${name} has ${kilobytes(bytes)} KB gzipped, and ${kilobytes(max)} KB is the most.`,
    );
  }
}

function kilobytes(bytes: number): string {
  return (bytes / 1_000).toFixed(1);
}
