/** The stores without the worker, as restore, backup and the like use them. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { readCommand } from "../../scripts/config.ts";
import { DataFolderInUse } from "../../scripts/parts/data-folder.ts";
import { findProcesses } from "../../scripts/parts/process-identity.ts";
import { withStores } from "../../scripts/parts/stores.ts";
import { migrate } from "../../storage/index/migrate.ts";
import { startInstance } from "../parts/instance.ts";

const silent = (): void => {};

test("stores are there for as long as they are used, one user at a time, and leave no process", async () => {
  const dir = await mkdtemp(join(tmpdir(), "indelible-stores-"));
  const { config } = readCommand(["--data", dir], {});
  try {
    const migrated = await withStores(config, silent, async ({ index, vault, parts }) => {
      assert.deepEqual(parts.map((part) => part.name).sort(), ["minio", "sqld"]);
      assert.equal((await fetch(`${vault.endpoint}/minio/health/ready`)).status, 200);
      await assert.rejects(
        withStores(config, silent, async () => {}),
        DataFolderInUse,
      );
      return migrate({ url: index.url, authToken: index.ddlToken });
    });
    assert.equal(migrated.from, 0);
    assert.deepEqual(findProcesses("PART_OF_INDELIBLE_AT", dir), []);
    const failure = new Error("from inside");
    await assert.rejects(
      withStores(config, silent, () => Promise.reject(failure)),
      failure,
    );
    assert.deepEqual(findProcesses("PART_OF_INDELIBLE_AT", dir), []);
    await rm(join(dir, "keys", "minio-kms.json"));
    await assert.rejects(
      withStores(config, silent, async () => {}),
      /minio-kms\.json is gone/,
      "no new key is made for objects that are there",
    );
  } finally {
    await rm(dir, { recursive: true });
  }
});

test("a signal ends the stores too", async () => {
  const dir = await mkdtemp(join(tmpdir(), "indelible-stores-"));
  const program = `
    import { readCommand } from "./scripts/config.ts";
    import { withStores } from "./scripts/parts/stores.ts";
    await withStores(readCommand().config, console.error, async () => {
      console.log("up");
      await new Promise((resolve) => setTimeout(resolve, 600_000));
    });`;
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "--eval", program],
    {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, INDELIBLE_DATA: dir },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  await new Promise((resolve) => child.stdout.once("data", resolve));
  assert.equal(findProcesses("PART_OF_INDELIBLE_AT", dir).length, 2);
  child.kill("SIGTERM");
  const code = await new Promise((resolve) => child.once("close", resolve));
  assert.equal(code, 128 + 15);
  assert.deepEqual(findProcesses("PART_OF_INDELIBLE_AT", dir), []);
  await rm(dir, { recursive: true });
});

test("while an instance runs, nobody else gets its stores", async () => {
  const instance = await startInstance();
  try {
    const { config } = readCommand(["--data", instance.dataDir], {});
    await assert.rejects(
      withStores(config, silent, async () => {}),
      DataFolderInUse,
    );
  } finally {
    await instance.stop();
  }
});
