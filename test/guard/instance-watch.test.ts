/** The instance as its guard sees it from outside: silent, or showing checkpoints that are not signed, or not what the vault has. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import test from "node:test";
import { InstanceWatch } from "../../scripts/guard/instance-watch.ts";
import { logOrigin, signCheckpoint } from "../../storage/log/checkpoint.ts";
import { parseVkey } from "../../storage/log/note.ts";
import { seedSigner, webCryptoVerify } from "../../storage/keys.ts";
import { World } from "../flow/harness.ts";
import { Watcher } from "../flow/watcher.ts";
import { logSigner, ORIGIN } from "../verify/build-log.ts";

const DEMO = logOrigin(ORIGIN, "demo");
const signer = await logSigner.signer(DEMO);
const stranger = await (await seedSigner(new Uint8Array(32).fill(9))).signer(DEMO);

test("what an instance shows, and that it is there", async (t) => {
  const shown = new Map<string, string>();
  const server = createServer((request, response) => {
    const text = shown.get(request.url ?? "");
    const known = request.headers.authorization === "Bearer secret";
    response.writeHead(text === undefined ? (known ? 404 : 401) : 200).end(text ?? "");
  });
  const listen = () =>
    new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  await listen();
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  let nowMs = 0;
  const watch = new InstanceWatch({
    ...{ url: `http://127.0.0.1:${port}`, token: "secret", origin: ORIGIN },
    keys: [parseVkey(signer.vkey)],
    ...{ verify: webCryptoVerify(), nowMs: () => nowMs, unreachableMs: 60_000 },
  });
  const codes = async () => {
    nowMs += 20_000;
    return (await watch.conditions()).map(({ code, log }) => [code, log]);
  };
  assert.deepEqual(await codes(), [], "any answer will do");
  assert.deepEqual(await watch.checkpoints("demo"), [], "one that may not be read says nothing");

  const checkpoint = { origin: DEMO, size: 5, root: new Uint8Array(32).fill(1) };
  shown.set("/tlog/demo/checkpoint", await signCheckpoint(checkpoint, signer));
  const [kept] = await watch.checkpoints("demo");
  assert.equal(kept?.size, 5);
  shown.set("/tlog/demo/checkpoint", await signCheckpoint(checkpoint, stranger));
  assert.deepEqual(await watch.checkpoints("demo"), []);
  assert.deepEqual(await codes(), [["signature_invalid", "demo"]]);
  shown.set("/tlog/demo/checkpoint", await signCheckpoint(checkpoint, signer));
  await watch.checkpoints("demo");
  assert.deepEqual(await codes(), []);

  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  assert.deepEqual(await codes(), [], "not at once");
  for (let asked = 0; asked < 3; asked += 1) await codes();
  assert.deepEqual(await codes(), [["instance_unreachable", null]]);
  assert.deepEqual(await watch.checkpoints("demo"), []);
});

test("a checkpoint that is shown and is not of what the vault has is a fork, or batches are missing", async () => {
  const world = new World({ logs: ["a"] });
  const one = await world.start();
  await one.append("a", [world.event(), world.event()]);
  await one.seal("a");
  let size = 2;
  const root = new Uint8Array(32).fill(1);
  const checkpoints = async (log: string) =>
    log !== "a"
      ? []
      : [{ origin: "x/a", size, root, signers: [parseVkey(signer.vkey)], source: "shown" }];
  const guard = await new Watcher(world, { index: false, checkpoints }).start();
  await guard.pass();
  assert.deepEqual(guard.told(), ["opened fork a 0-1"]);
  size = 3;
  await guard.pass();
  assert.deepEqual(guard.told().sort(), ["cleared fork a 0-1", "opened batch_missing a 2"]);
});
