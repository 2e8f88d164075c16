/**
 * The table of what a start finds and what follows (PROTOCOL §4), row by row on the real parts: index (I), vault (V), seal rows (S)
 * and memo (M) are put back old, lost or forged while nothing runs. Every row begins with a copy of the same folders.
 */
import assert from "node:assert/strict";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { LOCAL_BUCKET, LOCAL_REGION, type MinioSecrets } from "../../scripts/parts/minio.ts";
import { MinioVault } from "../../storage/vault/vault.ts";
import type { TestInstance } from "../parts/instance.ts";
import { call, readWholeLog } from "./client.ts";
import { runCommand, verify } from "./command.ts";
import { forgeFrom, tamper } from "../../scripts/tamper-demo/index-file.ts";
import { putBack } from "./folders.ts";
import {
  assertFrozen,
  assertGoesOn,
  appendTo,
  LOG,
  makeMoments,
  notices,
  OTHER,
  removeMoments,
  row,
  type Moments,
  type Notice,
  untilTaking,
} from "./moments.ts";
import { assertProblem } from "./problems.ts";
import { untilReadiness } from "./readiness.ts";
import { listSeals, sealNow, sealReply, type SealItem } from "./sealing.ts";

const DAY_MS = 24 * 3_600_000;

let moments: Moments;
/** Writes and audits the logs, and reads `_system`. */
let token = "";

before(async () => {
  moments = await makeMoments();
  ({ token } = moments);
});
after(() => removeMoments(moments));

/** The log as it is under lock in the moment `killed`. */
const lockedOfKilled = () => {
  const { log, notes } = moments.killed;
  const promised = notes.filter((note) => Number(note.split("\n")[1]) <= 8);
  return { log: { ...log, lines: log.lines.slice(0, 8) }, notes: promised };
};

const databaseOf = (dataDir: string): string => join(dataDir, "libsql", "dbs", "127", "data");

test("I extends V and M, S = V: goes on, and what was committed only is sealed", async () => {
  await row(
    moments.killed,
    () => {},
    async (instance) => {
      await assertGoesOn(instance, token, moments.killed);
      assert.deepEqual(await notices(instance, token, LOG), []);
      assert.deepEqual(await notices(instance, token, "_system"), []);
    },
  );
});

test("S behind V: the row of a batch is written again, as it was", async () => {
  await row(
    moments.late,
    (dataDir) =>
      tamper(databaseOf(dataDir), (database) => {
        const { first } = moments.late.seals.at(-1)!;
        const done = database
          .prepare("DELETE FROM seal WHERE log = ? AND first = ?")
          .run(LOG, first);
        assert.equal(done.changes, 1);
      }),
    async (instance) => {
      const seals = await listSeals(instance.url, LOG, token);
      const place = ({ first, count, version_id, sha256, retain_until, checkpoint }: SealItem) => {
        return { first, count, version_id, sha256, retain_until, checkpoint };
      };
      assert.deepEqual(seals.map(place), moments.late.seals.map(place));
      await assertGoesOn(instance, token, moments.late);
      assert.deepEqual(await notices(instance, token, "_system"), []);
    },
  );
});

test("V extends I, M = V: the index is brought up from the batches", async () => {
  await row(
    moments.late,
    (dataDir) => putBack(dataDir, "libsql", moments.early.dataDir),
    async (instance) => {
      await assertGoesOn(instance, token, moments.late);
      assert.deepEqual(await notices(instance, token, LOG), []);
      assert.deepEqual(await notices(instance, token, "_system"), []);
    },
  );
});

for (const [name, memo, unproven] of [
  ["behind V", () => moments.early.dataDir, ["_access", "_system", LOG]],
  ["missing", () => null, ["_access", "_system", LOG, OTHER]],
] as const) {
  test(`V beyond I, and M is ${name}: brought up, and recorded as unproven in the log itself`, async () => {
    await row(
      moments.late,
      async (dataDir) => {
        await putBack(dataDir, "libsql", moments.early.dataDir);
        await putBack(dataDir, "ledger", memo());
      },
      async (instance) => {
        await assertGoesOn(instance, token, moments.late);
        const size = moments.late.log.lines.length;
        const [recovered, ...more] = await notices(instance, token, LOG);
        assert.deepEqual(more, []);
        assert.equal(recovered?.action, "log.recovered");
        assert.equal(recovered.seq, size);
        const { reason, kept, missing_from, missing_to } = recovered.details;
        assert.deepEqual(
          { reason, kept, missing_from, missing_to },
          {
            ...{ reason: "unproven", kept: size, missing_from: size, missing_to: null },
          },
        );
        const inSystem = await notices(instance, token, "_system");
        assert.ok(inSystem.some(({ details }) => details["log"] === LOG));
        // Once is enough: the memo that was no proof is void.
        await instance.restart();
        await untilTaking(instance, token);
        assert.equal((await notices(instance, token, LOG)).length, 1);
      },
    );
  });

  test(`I extends V, and M is ${name}: goes on, with one notice in _system and none in the log`, async () => {
    await row(
      moments.late,
      (dataDir) => putBack(dataDir, "ledger", memo()),
      async (instance) => {
        await assertGoesOn(instance, token, moments.late);
        assert.deepEqual(await notices(instance, token, LOG), []);
        const inSystem = await notices(instance, token, "_system");
        // `_system` comes first, by itself, because the others' notice is written into it.
        assert.deepEqual(unprovenLogs(inSystem), unproven);
        await instance.restart();
        await untilTaking(instance, token);
        const afterwards = await notices(instance, token, "_system");
        assert.equal(afterwards.length, inSystem.length);
      },
    );
  });
}

test("M beyond I and V: index_behind, frozen; a person recovers, and what is missing is on record", async () => {
  await row(
    moments.killed,
    (dataDir) => putBack(dataDir, "libsql", moments.late.dataDir),
    async (instance) => {
      // V, with 8 entries, is ahead of I with 6, and the memo knows of 11.
      await assertFrozen(instance, token, "index_behind", moments.late.log);
      await recover(instance);
      await assertGoesOn(instance, token, lockedOfKilled());
      const [recovered] = await notices(instance, token, LOG);
      assert.equal(recovered?.seq, 8);
      const { kept, missing_from, missing_to } = recovered.details;
      assert.deepEqual([kept, missing_from, missing_to], [8, 8, 11]);
    },
  );
});

test("M not on I's chain: entry_altered, frozen; recovered by a person", async () => {
  await row(
    moments.killed,
    (dataDir) => forgeFrom(databaseOf(dataDir), LOG, 9, "actor-1", "actor-X"),
    async (instance) => {
      const forged = await readWholeLog(instance.url, LOG, token);
      assert.match(forged.lines[9]!, /actor-X/);
      await assertFrozen(instance, token, "entry_altered", forged);
      await recover(instance);
      await assertGoesOn(instance, token, lockedOfKilled());
      assert.equal((await notices(instance, token, LOG)).length, 1);
    },
  );
});

test("I and V part: fork, frozen; recovered by a person, who gets what is under lock", async () => {
  await row(
    moments.late,
    (dataDir) => forgeFrom(databaseOf(dataDir), LOG, 3, "actor-1", "actor-X"),
    async (instance) => {
      const forged = await readWholeLog(instance.url, LOG, token);
      await assertFrozen(instance, token, "fork", forged);
      const found = await verify(instance.dataDir);
      assert.equal(found.code, 1);
      await recover(instance);
      await assertGoesOn(instance, token, moments.late);
    },
  );
});

/** The drive's folder of one object. */
function objectFolder(dataDir: string, key: string): string {
  return join(dataDir, "minio", LOCAL_BUCKET, key);
}

test("S beyond V: batch_missing; entries go on, and are sealed once a person lets the same lines be put again", async () => {
  await row(
    moments.late,
    (dataDir) => rm(objectFolder(dataDir, moments.late.seals.at(-1)!.key), { recursive: true }),
    async (instance) => {
      await untilReadiness(instance, "taking, not sealing", /demo: batch_missing: /);
      const { first } = await appendTo(instance, token, LOG);
      assert.equal(first, moments.late.log.lines.length);
      const refused = await sealReply(instance.url, LOG, token);
      assert.equal(refused.status, 503);
      assert.equal((await verify(instance.dataDir)).findings[0]?.code, "batch_missing");
      await recover(instance);
      await assertGoesOn(instance, token, moments.late);
    },
  );
});

test("V's newest batch cannot be read: batch_unreadable, frozen", async () => {
  await row(
    moments.late,
    async (dataDir) => {
      const folder = objectFolder(dataDir, moments.late.seals.at(-1)!.key);
      const names = await readdir(folder, { recursive: true });
      const path = join(folder, names.find((name) => name.endsWith("part.1")) ?? "xl.meta");
      const bytes = await readFile(path);
      // Small objects lie at the end of their own metadata.
      bytes[bytes.length - 40]! ^= 0xff;
      await writeFile(path, bytes);
    },
    (instance) => assertFrozen(instance, token, "batch_unreadable", moments.late.log),
  );
});

test("garbage in the next slot: never taken for a batch, and a start that finds it says so", async () => {
  await row(
    moments.late,
    () => {},
    async (instance) => {
      const slot = slotAt(moments.late.log.lines.length);
      await putByWorker(instance, slot, "garbage");
      await appendTo(instance, token, LOG);
      assert.equal((await sealNow(instance.url, LOG, token))?.key, slot);
      const found = await verify(instance.dataDir);
      assert.deepEqual(
        found.findings.map(({ code, object }) => ({ code, object })),
        [{ code: "extra_version", object: slot }],
      );
      // Again, and now a start finds it before anything was put on top.
      await putByWorker(instance, slotAt(moments.late.log.lines.length + 1), "more garbage");
      const now = await readWholeLog(instance.url, LOG, token);
      await instance.restart();
      await assertFrozen(instance, token, "batch_unreadable", now);
    },
  );
});

const slotAt = (first: number): string => `${LOG}/${String(first).padStart(16, "0")}.jsonl.gz`;

test("a log in the vault that _system does not name: shown, kept, nothing appended", async () => {
  await row(
    moments.late,
    () => {},
    async (instance) => {
      await putByWorker(instance, "stranger/0000000000000000.jsonl.gz", "whatever");
      await instance.restart();
      await untilReadiness(instance, "taking, not sealing", /stranger: log_unknown/);
      const { admin } = instance.tokens;
      const asked = await call(instance.url, "/v1/logs/stranger", { token: admin });
      assertProblem(asked, 404, "log_unknown");
      await appendTo(instance, token, LOG);
      const { findings } = await verify(instance.dataDir);
      assert.equal(findings[0]?.code, "log_unknown");
      assert.ok(findings.every(({ log }) => log === "stranger"));
    },
  );
});

async function putByWorker(instance: TestInstance, key: string, text: string): Promise<void> {
  const { dataDir } = instance;
  const env = await readFile(join(dataDir, "auditor.env"), "utf8");
  const secrets = await readFile(join(dataDir, "keys", "minio.json"), "utf8");
  const vault = new MinioVault({
    endpoint: /^S3_ENDPOINT=(.*)$/m.exec(env)![1]!,
    bucket: LOCAL_BUCKET,
    region: LOCAL_REGION,
    ...(JSON.parse(secrets) as MinioSecrets).worker,
  });
  const retainUntilMs = Date.now() + DAY_MS;
  await vault.put(key, Buffer.from(text), { retainUntilMs, ifAbsent: true });
}

/** Stops, recovers what is frozen as a person would who has looked, and starts again. */
async function recover(instance: TestInstance): Promise<void> {
  await instance.signal("SIGTERM");
  const { code, stdout, stderr } = await runCommand("recover", instance.dataDir, ["--yes"]);
  assert.equal(code, 0, stdout + stderr);
  await instance.restart();
}

function unprovenLogs(found: readonly Notice[]): string[] {
  assert.ok(found.every(({ action }) => action === "instance.unproven"));
  return found.flatMap(({ details }) => details["logs"] as string[]).sort();
}
