/** The file of issuers: the example in the documents is one, and every wrong value is refused with its place. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { parse } from "smol-toml";
import { readCommand } from "../../scripts/config.ts";
import { parseIssuers } from "../../storage/issuers.ts";
import { outgoingProblem } from "../../storage/outgoing.ts";
import { blockOf, readDocument } from "../docs/blocks.ts";

const EXAMPLE = blockOf(readDocument("OPERATIONS.md"), "toml issuers.toml").text;

const folder = mkdtempSync(join(tmpdir(), "indelible-issuers-"));
after(() => rmSync(folder, { recursive: true }));

function read(name: string, text: string, allow = "off"): string | null {
  writeFileSync(join(folder, name), text);
  const env = { INDELIBLE_OIDC: name, INDELIBLE_ALLOW_PRIVATE_ADDRESSES: allow };
  return readCommand([], { ...env, INIT_CWD: folder }).config.issuers;
}

test("the example of OPERATIONS.md, as TOML and as JSON", () => {
  const text = read("issuers.toml", EXAMPLE)!;
  const [issuer] = parseIssuers(JSON.parse(text), false);
  assert.equal(issuer!.clock_tolerance_seconds, 60);
  assert.equal(issuer!.rules.length, 2);
  assert.equal(read("issuers.json", text), text);
});

test("what the example says as comments holds too", () => {
  const text = EXAMPLE.replaceAll(/^# (\w+ = )/gm, "$1");
  const [issuer] = parseIssuers(JSON.parse(read("issuers.toml", text)!), false);
  assert.equal(issuer!.jwks_uri, "https://login.example.org/keys");
  assert.equal(issuer!.max_token_age_seconds, 3600);
});

interface Tree {
  [name: string]: unknown;
}

/** The example with one value changed; `undefined` takes it away. */
function changed(path: readonly (string | number)[], value: unknown): unknown {
  const root = structuredClone(parse(EXAMPLE)) as Tree;
  let at: Tree = root;
  for (const step of path.slice(0, -1)) at = at[step] as Tree;
  if (value === undefined) delete at[path.at(-1)!];
  else at[path.at(-1)!] = value;
  return root;
}

test("every wrong value is refused with its place", () => {
  const issuer = (name: string, ...values: unknown[]) =>
    values.map((value) => [["issuers", 0, name], value, `issuers[0].${name}`] as const);
  const rule = (name: string, ...values: unknown[]) =>
    values.map(
      (value) => [["issuers", 0, "rules", 1, name], value, `issuers[0].rules[1]`] as const,
    );
  const inside = [
    "http://login.example.org",
    "https://localhost",
    "https://10.0.0.1/",
    "https://[::1]",
  ];
  const cases = [
    [["issuers"], [], "issuers"] as const,
    [["issuers"], undefined, "issuers"] as const,
    [["isuers"], [], "isuers"] as const,
    ...issuer(
      "issuer",
      undefined,
      "",
      "login",
      5,
      "https://a.example?x",
      "https://a.example/#x",
      ...inside,
    ),
    ...issuer(
      "issuer",
      `https://a.example/${"a".repeat(300)}`,
      "https://u:p@a.example",
      "https://a.example/ö",
    ),
    ...issuer("audiences", undefined, [], "indelible", [""], [5]),
    ...issuer("algorithms", undefined, [], ["none"], ["HS256"], ["rs256"], "RS256"),
    ...issuer("jwks_uri", ...inside, "x", 5),
    ...issuer("clock_tolerance_seconds", -1, 301, 1.5, "60"),
    ...issuer("max_token_age_seconds", 0, "1h", 1e9),
    ...issuer("rules", [], undefined, {}),
    ...issuer("audience", "indelible"),
    ...rule("claim", undefined, "", [], [""], 5),
    ...rule("contains", undefined, "", 5),
    ...rule("equals", "both", {}, ""),
    ...rule("roles", [], ["root"], "reader", undefined),
    ...rule("logs", [], ["_*"], ["Acme"], ["a*b"], "*", undefined),
    ...rule("log", "x"),
  ];
  for (const [path, value, place] of cases) {
    assert.throws(
      () => parseIssuers(changed(path, value), false),
      (error: Error) => error.message.startsWith(place),
      `${path.join(".")} = ${JSON.stringify(value)}`,
    );
  }
  const twice = parse(EXAMPLE) as { issuers: unknown[] };
  twice.issuers.push(twice.issuers[0]);
  assert.throws(() => parseIssuers(twice, false), /^IssuersError: issuers\[1\]\.issuer stands/);
});

test("a start says which file, and where in it", () => {
  const wrong = EXAMPLE.replace('"reader"', '"root"');
  const place = /^ConfigError: INDELIBLE_OIDC \(a\.toml\): issuers\[0\]\.rules\[1\]\.roles\[0\] /;
  assert.throws(() => read("a.toml", wrong), place);
  assert.throws(() => read("a.toml", "issuers = ["), /INDELIBLE_OIDC \(a\.toml\): /);
  assert.throws(() => read("a.json", "{"), /INDELIBLE_OIDC \(a\.json\): /);
  assert.throws(() => read("a.toml", `# ${"x".repeat(300_000)}`), /INDELIBLE_OIDC .* larger/);
  const none = { INDELIBLE_OIDC: "none.toml", INIT_CWD: folder };
  assert.throws(() => readCommand([], none), /INDELIBLE_OIDC \(none\.toml\): ENOENT/);
  assert.throws(() => read("a.toml", EXAMPLE, "yes"), /^ConfigError: INDELIBLE_ALLOW_PRIVATE/);
});

test("private addresses and plain HTTP only where they are allowed", () => {
  const inside = EXAMPLE.replaceAll("https://login.example.org/realms", "http://127.0.0.1:8080");
  assert.throws(() => read("b.toml", inside), /issuers\[0\]\.issuer .*http:\/\/127\.0\.0\.1/);
  assert.ok(read("b.toml", inside, "on"));
});

test("which addresses may be called", () => {
  for (const url of [
    "https://a.example",
    "https://a.example:8443/x",
    "https://9.9.9.9",
    "https://[2620:fe::9]",
  ]) {
    assert.equal(outgoingProblem(url, false), null, url);
  }
  for (const host of [
    ...[
      "127.0.0.1",
      "127.1",
      "0x7f000001",
      "2130706433",
      "0",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "[::]",
    ],
    ...[
      "10.0.0.1",
      "172.16.0.1",
      "192.168.1.1",
      "169.254.169.254",
      "100.64.0.1",
      "[fd00::1]",
      "[fe80::1]",
    ],
    ...["[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1", "255.255.255.255"],
    ...["localhost", "localhost.", "a.localhost", "minio", "minio."],
  ]) {
    assert.notEqual(outgoingProblem(`https://${host}/`, false), null, host);
    assert.equal(outgoingProblem(`http://${host}/`, true), null, host);
  }
  for (const url of [
    "http://a.example",
    "ftp://a.example",
    "https://u@a.example",
    "//a.example",
    "",
  ]) {
    assert.notEqual(outgoingProblem(url, false), null, url);
  }
});
