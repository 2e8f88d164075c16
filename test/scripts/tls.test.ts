/** Certificate and key: what is taken, what is refused by name, and how a renewed pair is taken over. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { ConfigError, readCommand, type TlsFiles } from "../../scripts/config.ts";
import { curlOptions, openWarning, urlOf } from "../../scripts/parts/listener.ts";
import { readTls } from "../../scripts/parts/tls.ts";
import { TlsKeeper } from "../../scripts/parts/tls-keeper.ts";
import { WorkerLog } from "../../scripts/parts/worker-log.ts";
import { makeCertificate, writeCertificate, type Certificate } from "../parts/certificate.ts";

let dir: string;
let pair: Certificate;
let other: Certificate;
let files: TlsFiles;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "indelible-tls-"));
  pair = await makeCertificate();
  other = await makeCertificate({ rsaBits: 2048 });
  files = await writeCertificate(dir, pair);
});

after(() => rm(dir, { recursive: true }));

const pem = (key: { privateKey: { export(options: object): string | Buffer } }): string =>
  key.privateKey.export({ type: "pkcs8", format: "pem" }).toString();

test("a pair is taken, with its chain and whatever else the files hold", async () => {
  await writeCertificate(dir, { cert: `text\n${pair.cert}${other.cert}`, key: `\n${pair.key}` });
  const tls = readTls(files);
  assert.equal(tls.certificateChain.match(/BEGIN CERTIFICATE/g)!.length, 2);
  assert.doesNotMatch(tls.certificateChain, /text/);
  assert.match(tls.privateKey, /^-----BEGIN PRIVATE KEY-----/);
  assert.deepEqual(tls.warnings, []);
  // A file with both in it gives nobody the key.
  await writeCertificate(dir, { cert: pair.key + pair.cert, key: pair.key });
  assert.doesNotMatch(readTls(files).certificateChain, /PRIVATE/);
});

test("what cannot be used is refused with the setting's name, and without what the key file holds", async () => {
  const cut = pair.cert.replace(/\n.{40}/, "\n");
  const encrypted = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" },
  }).privateKey;
  const expired = await makeCertificate({ fromDays: -9, untilDays: -1 });
  const early = await makeCertificate({ fromDays: 1 });
  const short = await makeCertificate({ rsaBits: 1024 });
  const cases: [name: string, key: string, Partial<Certificate>][] = [
    ["no certificate in PEM form", "INDELIBLE_TLS_CERT", { cert: "hello" }],
    ["is damaged", "INDELIBLE_TLS_CERT", { cert: cut }],
    ["cannot be read", "INDELIBLE_TLS_CERT", { cert: "x".repeat(300_000) }],
    ["expired on", "INDELIBLE_TLS_CERT", expired],
    ["valid only from", "INDELIBLE_TLS_CERT", early],
    ["no private key in PEM form", "INDELIBLE_TLS_KEY", { key: "marker-in-the-key-file" }],
    ["is encrypted", "INDELIBLE_TLS_KEY", { key: encrypted }],
    ["is not the key of the first", "INDELIBLE_TLS_KEY", { key: other.key }],
    ["RSA with 1024 bits", "INDELIBLE_TLS_KEY", short],
    ["is ed25519", "INDELIBLE_TLS_KEY", { key: pem(generateKeyPairSync("ed25519")) }],
    [
      "is ec secp256k1",
      "INDELIBLE_TLS_KEY",
      { key: pem(generateKeyPairSync("ec", { namedCurve: "secp256k1" })) },
    ],
  ];
  for (const [words, key, changes] of cases) {
    await writeCertificate(dir, { ...pair, ...changes });
    assert.throws(
      () => readTls(files),
      (error: unknown) =>
        error instanceof ConfigError &&
        error.key === key &&
        error.message.includes(words) &&
        !error.message.includes("marker"),
      words,
    );
  }
  await writeCertificate(dir, pair);
  for (const [setting, name] of [
    ["INDELIBLE_TLS_CERT", "certFile"],
    ["INDELIBLE_TLS_KEY", "keyFile"],
  ] as const) {
    for (const path of [join(dir, "absent"), dir]) {
      assert.throws(() => readTls({ ...files, [name]: path }), { key: setting });
    }
  }
});

test("an end that is near, and a key that others can read, are said", async () => {
  await writeCertificate(dir, await makeCertificate({ untilDays: 13 }));
  await chmod(files.keyFile, 0o644);
  const [open, soon] = readTls(files).warnings;
  assert.match(open!, /^INDELIBLE_TLS_KEY .*every user/);
  assert.match(soon!, /expires on/);
});

test("the address is shown by a name that the certificate covers, and curl is told whom to trust", async () => {
  await writeCertificate(dir, pair);
  const own = readTls(files);
  assert.equal(urlOf("127.0.0.1", 1, own), "https://127.0.0.1:1");
  assert.equal(urlOf("0.0.0.0", 1, own), "https://127.0.0.1:1");
  assert.equal(urlOf("[::]", 1, own), "https://localhost:1");
  assert.equal(urlOf("[::]", 1, undefined), "http://[::1]:1");
  const named = { names: ["*.example.org", "log.example.org"], addresses: ["::1"] };
  await writeCertificate(dir, await makeCertificate(named));
  assert.equal(urlOf("127.0.0.1", 1, readTls(files)), "https://log.example.org:1");
  assert.equal(urlOf("[::1]", 1, readTls(files)), "https://[::1]:1");
  const { config } = readCommand(["--tls-cert", files.certFile, "--tls-key", files.keyFile], {});
  assert.deepEqual(curlOptions(config, own), ["--cacert", files.certFile]);
});

test("listening to others without TLS or a known proxy is said", () => {
  const warning = (listen: string, env = {}) =>
    openWarning(readCommand(["--listen", listen], env).config);
  for (const listen of ["0.0.0.0:1", "[::]:1", "*:1", "log.example.org:1", "192.0.2.1:1"]) {
    assert.match(warning(listen)!, /^WARNING.*INDELIBLE_TLS_CERT/, listen);
  }
  for (const listen of ["127.0.0.1:1", "127.1.2.3:1", "localhost:1", "[::1]:1"]) {
    assert.equal(warning(listen), null, listen);
  }
  assert.equal(warning("0.0.0.0:1", { INDELIBLE_TRUSTED_PROXIES: "10.0.0.0/8" }), null);
  const tls = { INDELIBLE_TLS_CERT: "c", INDELIBLE_TLS_KEY: "k" };
  assert.equal(warning("0.0.0.0:1", tls), null);
});

test("a renewed pair is taken over; half a renewal, and one that the listener refuses, are not", async () => {
  await writeCertificate(dir, pair);
  const said: string[] = [];
  const keeper = new TlsKeeper({ files, say: (text) => void said.push(text), lookMs: 5 });
  // The keeper's own timer keeps no process alive, so this one has to.
  const until = async (isDone: () => boolean): Promise<void> => {
    while (!isDone()) await new Promise((go) => setTimeout(go, 1));
  };
  const untilSaid = (pattern: RegExp) => until(() => said.some((text) => pattern.test(text)));
  let refusing = true;
  const used: string[] = [];
  const start = () =>
    keeper.startWith(async ({ privateKey }) => {
      used.push(privateKey);
      if (refusing && used.length > 1 && privateKey !== used[0]) throw new Error("no such curve");
      return used.length;
    });
  await start();
  let renewals = 0;
  keeper.watch(async () => {
    await start();
    renewals += 1;
  });
  await writeFile(files.certFile, other.cert);
  await untilSaid(/is not the key .* keeps the certificate that it has/);
  assert.equal(keeper.current.privateKey, used[0]);
  await writeFile(files.keyFile, other.key);
  await untilSaid(/no such curve/);
  assert.equal(keeper.current.privateKey, used[0]);
  refusing = false;
  await writeCertificate(dir, await makeCertificate());
  await until(() => renewals === 2);
  keeper.stop();
  assert.equal(keeper.current.privateKey, used.at(-1));
  assert.notEqual(keeper.current.privateKey, used[0]);
  assert.equal(said.filter((text) => text.includes("is not the key")).length, 1, said.join("\n"));
});

test("what workerd prints is JSON; failed TLS is told once a minute, with how often", () => {
  const said: Record<string, unknown>[] = [];
  let nowMs = 0;
  const log = new WorkerLog(
    (line) => void said.push(JSON.parse(line) as Record<string, unknown>),
    () => nowMs,
  );
  log.line('{"level":"info","message":"own"}');
  log.line("*** Fatal uncaught kj::Exception");
  log.line("stack: /bin/workerd@1 /bin/workerd@2");
  for (let i = 0; i < 5; i++) {
    log.line("kj/compat/tls.c++:535: error: error accepting tls connection; HTTP_REQUEST");
    nowMs += 15_000;
  }
  const told = said.map(({ message, count, reason }) => [message, count ?? reason]);
  assert.deepEqual(told, [
    ["own", undefined],
    ["workerd says", "*** Fatal uncaught kj::Exception"],
    ["connections were refused because TLS failed", 1],
    ["connections were refused because TLS failed", 4],
  ]);
});
