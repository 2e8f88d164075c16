/** Logs whose log key was replaced: both keys are needed, and the one that was replaced signs nothing that comes after. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { newKeyPairSigner } from "../../storage/keys.ts";
import { logOrigin } from "../../storage/log/checkpoint.ts";
import { buildLog, ORIGIN, putInFolder } from "./build-log.ts";
import { briefs, checkFolder, temporaryFolder } from "./check.ts";

const [before, after] = [await newKeyPairSigner(), await newKeyPairSigner()];
const vkeyOf = async (signer: typeof before) =>
  `${(await signer.signer(logOrigin(ORIGIN, "demo"))).vkey}\n`;
const [old, young] = [await vkeyOf(before), await vkeyOf(after)];

/** What is found in a log whose batches, of two entries each, are signed by these keys. */
async function found(t: TestContext, signers: readonly (typeof before)[], vkeys: string) {
  const folder = await temporaryFolder(t);
  const put = putInFolder(folder);
  const batches = signers.map(() => 2);
  await buildLog({ batches, put, signerOf: (number) => signers[number]! });
  return briefs(await checkFolder(folder, vkeys, { only: "demo" }));
}

test("a log that goes on under a new key holds with both keys, in any order", async (t) => {
  const signers = [before, before, after, after];
  assert.deepEqual(await found(t, signers, old + young), []);
  assert.deepEqual(await found(t, signers, young + old), []);
});

test("with one of the keys, what the other one signed is not trusted", async (t) => {
  const signers = [before, after, after];
  assert.deepEqual(await found(t, signers, old), [
    "signature_invalid demo 2",
    "signature_invalid demo 4",
  ]);
  assert.deepEqual(await found(t, signers, young), ["signature_invalid demo 0"]);
});

test("a key that was replaced and is found or stolen later signs nothing any more", async (t) => {
  assert.deepEqual(await found(t, [before, after, before], old + young), [
    "signature_invalid demo 4",
  ]);
  assert.deepEqual(await found(t, [before, after, before, after], old + young), [
    "signature_invalid demo 4",
  ]);
});
