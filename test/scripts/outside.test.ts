/**
 * The network that configured addresses are called through, in workerd itself with the configuration of a start: whatever name
 * or spelling leads to this machine or a private network is refused, also where nothing else looks at it.
 */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { parse } from "smol-toml";
import { startWorkerd, type WorkerdServer } from "../../scripts/parts/workerd.ts";
import { until } from "../e2e/until.ts";
import { killAtExit } from "../parts/kill-at-exit.ts";

let folder: string;
let asked = 0;
const target = createServer((_, response) => {
  asked += 1;
  response.end("here");
});
const workers: WorkerdServer[] = [];
/** What workerd said since it was last emptied. */
let said = "";

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "indelible-outside-"));
  await mkdir(join(folder, "bundle"));
  await writeFile(join(folder, "bundle", "index.js"), await program());
  await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
});

after(async () => {
  for (const { part } of workers) await part.stop();
  target.close();
  target.closeAllConnections();
  await rm(folder, { recursive: true });
});

/** Calls where it is told to, with nothing in between, in place of the worker. */
async function program(): Promise<string> {
  const toml = parse(await readFile("wrangler.toml", "utf8")) as unknown as {
    durable_objects: { bindings: { class_name: string }[] };
  };
  const objects = toml.durable_objects.bindings.map(
    ({ class_name: name }) => `export class ${name} {}`,
  );
  return `
import { WorkerEntrypoint } from "cloudflare:workers";
export class Operator extends WorkerEntrypoint { fetch() { return new Response(); } }
${objects.join("\n")}
export default {
  async fetch(request, env) {
    const to = new URL(request.url).searchParams.get("to");
    try {
      const answer = await env.OUTSIDE.fetch(to, { redirect: "manual", signal: AbortSignal.timeout(5000) });
      return new Response(await answer.text());
    } catch (error) {
      return new Response(String(error), { status: 502 });
    }
  },
};`;
}

/** What a call to the host, on the target's port, is answered through the worker. */
async function caller(privateAllowed: boolean): Promise<(host: string) => Promise<string>> {
  const own = join(folder, String(privateAllowed));
  const worker = await startWorkerd({
    ...{ bundleDir: join(folder, "bundle"), dir: join(own, "worker"), storageDir: join(own, "do") },
    ...{ vkeysDir: join(own, "vkeys"), listen: "127.0.0.1:0", tls: null, privateAllowed },
    ...{ vars: {}, secrets: {}, onLine: (line: string) => (said += line) },
  });
  killAtExit(worker.part);
  workers.push(worker);
  const { port } = target.address() as AddressInfo;
  return async (host) => {
    const to = encodeURIComponent(`http://${host}:${port}/`);
    return (await fetch(`http://127.0.0.1:${worker.port}/?to=${to}`)).text();
  };
}

test("this machine and private networks are out of reach, by whatever name", async () => {
  const call = await caller(false);
  const hosts = [
    ...["127.0.0.1", "localhost", "127.1", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]"],
    ...["10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "[fd00::1]", "[fe80::1]"],
  ];
  for (const host of hosts) {
    said = "";
    assert.match(await call(host), /^Error: /, host);
    await until(`workerd refuses ${host}`, () => said.includes("restrictPeers"));
  }
  assert.equal(asked, 0);
});

test("where they are allowed, they are reached", async () => {
  const call = await caller(true);
  assert.equal(await call("127.0.0.1"), "here");
  assert.equal(await call("localhost"), "here");
});
