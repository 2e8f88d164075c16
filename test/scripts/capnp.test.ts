/** workerd's configuration: what wrangler.toml says comes through, and what is not understood is refused. */
import assert from "node:assert/strict";
import test from "node:test";
import { type CapnpOptions, writeCapnp } from "../../scripts/parts/capnp.ts";

const HASH = "0123456789abcdef0123456789abcdef01234567";

const OPTIONS: CapnpOptions = {
  wranglerToml: `
    name = "x"
    main = "worker/index.ts"
    compatibility_date = "2026-04-01"
    compatibility_flags = ["nodejs_compat"]
    rules = [{ type = "Text", globs = ["**/*.md"] }, { type = "Data", globs = ["**/*.bin"] }]
    [vars]
    SECONDS = "10"
    LIMITS = { body = 8 }
    [[durable_objects.bindings]]
    name = "LEDGER"
    class_name = "Ledger"
    [[durable_objects.bindings]]
    name = "OTHER"
    class_name = "Other"
    [[migrations]]
    tag = "v1"
    new_sqlite_classes = ["Ledger"]
  `,
  files: ["index.js", "index.js.map", "README.md", `${HASH}-F.md`, `${HASH}-i.bin`],
  vars: { SECONDS: "5", NAME: 'quoted " and \\ and \n' },
  secrets: ["KEY"],
  disks: { VKEYS: "/data/vkeys" },
  externals: { ALERT_DESK: "127.0.0.1:9" },
  privateAllowed: false,
  storageDir: "/data/ledger",
  listen: "127.0.0.1:0",
  tls: null,
};

test("modules, bindings, objects and sockets", () => {
  const config = writeCapnp(OPTIONS);
  for (const part of [
    `(name = "index.js", esModule = embed "index.js")`,
    `(name = "${HASH}-F.md", text = embed "${HASH}-F.md")`,
    `(name = "${HASH}-i.bin", data = embed "${HASH}-i.bin")`,
    `(name = "SECONDS", text = "5")`,
    `(name = "LIMITS", json = "{\\"body\\":8}")`,
    `(name = "NAME", text = "quoted \\" and \\\\ and \\n")`,
    `(name = "KEY", fromEnvironment = "KEY")`,
    `(name = "VKEYS", service = "VKEYS")`,
    `(name = "VKEYS", disk = (path = "/data/vkeys", writable = true))`,
    `(className = "Ledger", uniqueKey = "indelible-Ledger", preventEviction = true, enableSql = true)`,
    `(className = "Other", uniqueKey = "indelible-Other", preventEviction = true, enableSql = false)`,
    `compatibilityFlags = ["nodejs_compat"]`,
    `(name = "OUTSIDE", network = (allow = ["public"], tlsOptions = (trustBrowserCas = true)))`,
    `(name = "OUTSIDE", service = "OUTSIDE")`,
    `(name = "ALERT_DESK", external = (address = "127.0.0.1:9", http = ()))`,
    `(name = "ALERT_DESK", service = "ALERT_DESK")`,
    `entrypoint = "Operator"`,
  ]) {
    assert.ok(config.includes(part), part);
  }
  assert.ok(!config.includes("README.md"), "what is no module is not embedded");
});

test("with a certificate the public socket speaks TLS 1.2 or newer, and the operator's stays as it is", () => {
  const config = writeCapnp({ ...OPTIONS, tls: { certFile: "c.pem", keyFile: "k.pem" } });
  const keypair = `keypair = (privateKey = embed "k.pem", certificateChain = embed "c.pem")`;
  assert.ok(config.includes(`tlsOptions = (${keypair}, minVersion = tls1Dot2)`));
  assert.match(config, /name = "operator", address = "127\.0\.0\.1:0", http = \(\)/);
  assert.doesNotMatch(config, /name = "http"[^\n]* http = \(\)/);
  assert.doesNotMatch(writeCapnp(OPTIONS), /https|embed "k/);
});

test("a setting that would be left out silently is refused", () => {
  const wranglerToml = `${OPTIONS.wranglerToml}\n[[kv_namespaces]]\nbinding = "KV"\n`;
  assert.throws(() => writeCapnp({ ...OPTIONS, wranglerToml }), /kv_namespaces/);
});

test("a bundle without the main module is refused", () => {
  assert.throws(() => writeCapnp({ ...OPTIONS, files: ["main.js"] }), /no index\.js/);
});
