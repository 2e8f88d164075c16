/** A whole instance that speaks TLS itself: which protocols it takes, where its key lies, and a renewal while it runs. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { connect, type ConnectionOptions } from "node:tls";
import { promisify } from "node:util";
import { makeCertificate, writeCertificate, type Certificate } from "../parts/certificate.ts";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { until } from "./until.ts";

let dir: string;
let pair: Certificate;
let instance: TestInstance;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "indelible-tls-"));
  pair = await makeCertificate();
  const { certFile, keyFile } = await writeCertificate(dir, pair);
  const env = { INDELIBLE_TLS_CERT: certFile, INDELIBLE_TLS_KEY: keyFile };
  instance = await startInstance({ env });
});

after(async () => {
  await instance?.stop();
  await rm(dir, { recursive: true });
});

interface Reply {
  readonly status: number;
  readonly hsts: string | undefined;
  readonly text: string;
}

function ask(method: string, path: string, ca: string, body?: object): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const authorization = `Bearer ${instance.tokens.demo}`;
    const headers = { authorization, "content-type": "application/json" };
    const sent = request(instance.url + path, { method, ca, headers, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part: string) => (text += part));
      const { statusCode, headers: got } = answer;
      answer.on("end", () =>
        resolve({ status: statusCode!, hsts: got["strict-transport-security"], text }),
      );
    });
    sent.on("error", reject);
    sent.end(body && JSON.stringify(body));
  });
}

/** The protocol that was agreed on, and whose certificate was shown. */
function shake(options: ConnectionOptions): Promise<{ protocol: string; fingerprint: string }> {
  const { port, hostname: host } = new URL(instance.url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ...options });
    socket.once("secureConnect", () => {
      const { fingerprint256: fingerprint } = socket.getPeerX509Certificate()!;
      resolve({ protocol: socket.getProtocol()!, fingerprint });
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

test("an event goes in over TLS, by the very command that the start printed", async () => {
  const printed = /^ {2}(curl -sS --cacert [^]*?)\n\n/m.exec(instance.output())![1]!;
  assert.match(instance.url, /^https:\/\/127\.0\.0\.1:/);
  const { stdout } = await promisify(execFile)("sh", ["-c", printed]);
  assert.equal((JSON.parse(stdout) as { log: string }).log, "demo");
  const answer = await ask("GET", "/v1/logs/demo/entries", pair.cert);
  assert.equal(answer.status, 200);
  assert.equal(answer.hsts, "max-age=31536000");
});

test("TLS 1.2 and 1.3 are spoken, nothing older, and no plain HTTP", async () => {
  const weak = { ciphers: "ALL:@SECLEVEL=0" };
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    const { protocol } = await shake({ minVersion: version, maxVersion: version });
    assert.equal(protocol, version);
  }
  for (const version of ["TLSv1", "TLSv1.1"] as const) {
    const old = shake({ ...weak, minVersion: version, maxVersion: version });
    await assert.rejects(old, { code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" });
  }
  await assert.rejects(fetch(`${instance.url.replace("https:", "http:")}/healthz`));
  await instance.untilOutput(/"connections were refused because TLS failed"/);
  assert.doesNotMatch(instance.output(), /stack: |kj\/[^"]*\n/);
});

test("nobody else vouches for it, so a client that was not told refuses it", async () => {
  await assert.rejects(ask("GET", "/healthz", (await makeCertificate()).cert));
});

test("the private key lies nowhere in the data folder, whose program files are the owner's", async () => {
  const secret = pair.key.split("\n")[1]!;
  const worker = join(instance.dataDir, "worker");
  for (const name of await readdir(worker)) {
    const text = await readFile(join(worker, name), "latin1");
    assert.ok(!text.includes(secret), name);
  }
  assert.equal((await stat(join(worker, "workerd.capnp"))).mode & 0o777, 0o600);
  assert.equal((await stat(instance.dataDir)).mode & 0o777, 0o700);
});

test("a renewed certificate is taken over without a stop, and what was written stays", async () => {
  const before = await ask("GET", "/v1/logs/demo", pair.cert);
  const renewed = await makeCertificate();
  await writeCertificate(dir, renewed);
  const wanted = new X509Certificate(renewed.cert).fingerprint256;
  await until("the renewed one is shown", async () => (await shake({})).fingerprint === wanted);
  await until("entries are taken again", async () => {
    const event = { id: "after", action: "a", actor: { id: "b" } };
    return (await ask("POST", "/v1/logs/demo/entries", renewed.cert, event)).status === 201;
  });
  const size = ({ text }: Reply): number => (JSON.parse(text) as { size: number }).size;
  const now = await ask("GET", "/v1/logs/demo", renewed.cert);
  assert.equal(size(now), size(before) + 1);
  assert.match(instance.output(), /The certificate was renewed; it is valid until /);
  assert.doesNotMatch(instance.output(), /workerd ended/);
});
