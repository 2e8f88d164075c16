/** `npm run gateway` as a person starts, watches and stops it. */
import assert from "node:assert/strict";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { readRunning } from "../../scripts/parts/data-folder.ts";
import { findProcesses, isRunning } from "../../scripts/parts/process-identity.ts";
import { until } from "../e2e/until.ts";
import { startVerb } from "../parts/verb.ts";

test("it runs until it is told to stop, comes back when it dies, and leaves nothing", async (t) => {
  const dir = await realpath(await mkdtemp(join(tmpdir(), "indelible-gateway-")));
  t.after(() => rm(dir, { recursive: true }));
  const env = { INDELIBLE_GATEWAY_UPSTREAM: "http://127.0.0.1:1", INDELIBLE_DATA: dir };
  const gateway = start({ ...env, INDELIBLE_GATEWAY_LISTEN: "127.0.0.1:0" });
  const ready = /^The gateway is ready: (\S+) before http:\/\/127\.0\.0\.1:1$/m;
  await until("it is ready", () => ready.test(gateway.output()));
  const [, url] = ready.exec(gateway.output())!;
  const status = async () => (await fetch(`${url}/bucket/a`).catch(() => null))?.status;
  assert.equal(await status(), 403);

  const { gateway: part } = readRunning(join(dir, "gateway"))!.parts;
  process.kill(part!.pid, "SIGKILL");
  await until("it is back at the same address", async () => (await status()) === 403);
  assert.ok(!isRunning(part!));

  const second = start(env);
  assert.equal(await second.ended, 2);
  assert.match(second.output(), /is in use by process/);
  gateway.stop();
  assert.equal(await gateway.ended, 0);
  assert.deepEqual(findProcesses("PART_OF_INDELIBLE_AT", join(dir, "gateway")), []);
});

test("without a store it says which setting is missing", async () => {
  const gateway = start({});
  assert.equal(await gateway.ended, 2);
  assert.match(gateway.output(), /^INDELIBLE_GATEWAY_UPSTREAM is missing/);
});

function start(env: Readonly<Record<string, string>>) {
  return startVerb("gateway", [], env);
}
