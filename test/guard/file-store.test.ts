/** The guard's state folder: a store like the others, private, kept over restarts, and of one guard at a time. */
import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { GuardState } from "../../scripts/guard/state.ts";
import { temporaryFolder } from "../verify/check.ts";
import { checkGuardStore } from "./store-contract.ts";

test("it is a store, and only its owner's", async (t) => {
  const folder = join(await temporaryFolder(t), "state");
  const state = GuardState.open(folder);
  await checkGuardStore(state.store);
  assert.throws(() => GuardState.open(folder), /Another guard works with/);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  for (const name of readdirSync(folder).filter((file) => !file.startsWith("lock"))) {
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  }
  await state.store.write(new Map([["kept", 1]]));
  state.close();
  const again = GuardState.open(folder);
  assert.equal(await again.store.get("kept"), 1);
  again.close();
});
