/**
 * What documents say of the project is there: links, files, settings, addresses, findings, commands; and nothing of the machine
 * that somebody wrote them on.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import test from "node:test";
import { FINDING_CODES } from "../../storage/log/findings.ts";
import { PROBLEMS } from "../../worker/problem.ts";
import { ROUTES } from "../../worker/routes.ts";
import { proseOf, readDocument, ROOT } from "./blocks.ts";

const AT_TOP = readdirSync(ROOT).filter((name) => name.endsWith(".md"));
const DOCUMENTS = [...AT_TOP, "test/vectors/README.md"];

test("the documents are there", () => {
  const wanted = ["ARCHITECTURE", "CHANGELOG", "FORMAT", "OPERATIONS", "README", "SECURITY"];
  assert.deepEqual(AT_TOP.sort(), wanted.map((name) => `${name}.md`).sort());
});

for (const name of DOCUMENTS) {
  test(`${name}: every relative link leads somewhere`, () => {
    const links = [...proseOf(readDocument(name)).matchAll(/\]\(([^)\s]+)\)/g)].map(
      ([, to]) => to!,
    );
    for (const link of links.filter((to) => !/^[a-z]+:/.test(to))) {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? name : normalize(join(dirname(name), path));
      assert.ok(existsSync(join(ROOT, target)), `${link}: there is no ${target}`);
      if (anchor !== undefined)
        assert.ok(anchorsOf(readDocument(target)).includes(anchor), `${link}: no such heading`);
    }
  });

  test(`${name}: every file that it names is there`, () => {
    const named = [...readDocument(name).matchAll(/`([^`\s]+)`/g)].map(([, text]) => text!);
    const files = named.filter((text) => FILE.test(text));
    for (const file of files) {
      const places = [file, join(dirname(name), file)].map((path) => join(ROOT, path));
      assert.ok(places.some(existsSync), `there is no ${file}`);
    }
  });
}

/** Rooms, and what lies in them; `seal.ts` without a folder is a file beside one that was just named. */
const FILE =
  /^(?:\.\.\/|storage\/|worker\/|scripts\/|test\/)[\w./-]*$|^[A-Z]+\.md$|^(?:package|package-lock|wrangler)\.(?:json|toml)$/;

/** As GitHub makes them: lower case, spaces to hyphens, punctuation away. */
function anchorsOf(document: string): string[] {
  return [...proseOf(document).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test("OPERATIONS.md: all settings stand in it, and no others", () => {
  const config = readFileSync(join(ROOT, "scripts", "config.ts"), "utf8");
  const [, list] = /^const KEYS = \[([^]+?)^\] as const/m.exec(config)!;
  const settings = [...list!.matchAll(/"([A-Z0-9_]+)"/g)].map(([, key]) => `INDELIBLE_${key}`);
  const named = readDocument("OPERATIONS.md").match(/INDELIBLE_[A-Z0-9_]*[A-Z0-9]/g) ?? [];
  // The verifier's token is no setting: it is for one call.
  assert.deepEqual([...new Set(named)].sort(), [...settings, "INDELIBLE_TOKEN"].sort());
});

test("OPERATIONS.md: every finding has its row", () => {
  const operations = readDocument("OPERATIONS.md");
  for (const code of FINDING_CODES) assert.ok(operations.includes(`\`${code}\``), code);
});

test("README.md: every address of the API stands in it", () => {
  const readme = readDocument("README.md");
  for (const { method, path } of ROUTES) {
    const shown = path.replace(":rest{.+}", "…").replaceAll(/:(\w+)/g, "{$1}");
    assert.ok(readme.includes(`\`${method} ${shown}\``), `${method} ${shown}`);
  }
});

test("README.md: every code of a refusal stands in it", () => {
  const readme = readDocument("README.md");
  for (const code of Object.keys(PROBLEMS)) assert.ok(readme.includes(`\`${code}\``), code);
});

test("every command that a document names is one", () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  for (const name of DOCUMENTS) {
    for (const [, verb] of readDocument(name).matchAll(/`npm run ([a-z-]+)/g)) {
      assert.ok(Object.hasOwn(scripts, verb!), verb);
      assert.ok(existsSync(join(ROOT, "scripts", `${verb}.ts`)), verb);
    }
  }
});

test("no document names a folder of somebody's machine, or a host that packages come from", () => {
  for (const name of [...DOCUMENTS, "package.json", "package-lock.json", "wrangler.toml"]) {
    const text = readDocument(name);
    assert.doesNotMatch(text, /(?<![\w.~-])\/(?:home|root|Users|work|tmp|var|mnt)\/\w/, name);
    assert.doesNotMatch(
      text,
      /\bregistry\.|goproxy|artifactory|nexus|verdaccio|:\/\/proxy\./i,
      name,
    );
  }
});
