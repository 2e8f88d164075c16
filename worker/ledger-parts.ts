/** Composes the ledger's parts from the worker's bindings: the one place where the ports get their adapters. */
import { seedSigner, newKeyPairSigner, webCryptoVerify } from "../storage/keys.ts";
import { BATCH_LINES_MAX } from "../storage/log/batch.ts";
import { fromBase64 } from "../storage/log/bytes.ts";
import {
  APPROVAL_HOURS,
  APPROVAL_HOURS_MAX,
  type ApprovalRules,
} from "../storage/flow/approvals.ts";
import type { Observer } from "../storage/flow/observer.ts";
import type { Parts, Settings } from "../storage/flow/state.ts";
import { nodeGzip } from "../storage/gzip.ts";
import { ID_RANDOM_BYTES, makeId } from "../storage/token.ts";
import { LibsqlIndex } from "../storage/index/index.ts";
import { MinioVault } from "../storage/vault/vault.ts";
import type { Alarm } from "../storage/ports.ts";
import { SealNotes } from "./audit/seal-notes.ts";
import { indexConfigOf, integerOf, oneOf, textOf, vaultConfigOf, type Env } from "./env.ts";
import { StorageMemo } from "./memo.ts";
import { report } from "./report.ts";
import { sha256 } from "./sha256.ts";
import { tracedObserver } from "./tracing/ledger-spans.ts";

/**
 * Lines in one batch: gzip of 4 MiB holds the thread for some 50 ms, and appends wait that long. A log that takes more
 * than this between two seals gets several objects.
 */
const SEAL_BYTES = 4 * 1024 * 1024;

/** A day: an entry that waits longer for its lock is hardly kept by it. */
const SEAL_SECONDS_MAX = 86_400;

export interface LedgerParts extends Parts {
  readonly index: LibsqlIndex;
}

export async function ledgerParts(
  env: Env,
  storage: DurableObjectStorage,
  observer: Observer,
): Promise<LedgerParts> {
  const seals = new SealNotes(env);
  return {
    observer: tracedObserver(env, observer),
    index: new LibsqlIndex(indexConfigOf(env)),
    vault: new MinioVault(vaultConfigOf(env)),
    memo: new StorageMemo(storage),
    logKey: await seedSigner(fromBase64(textOf(env, "INDELIBLE_LOG_KEY"))),
    replacedKeys: replacedKeysOf(env),
    receiptKey: await newKeyPairSigner(),
    clock: { nowMs: () => Date.now() },
    alarm: storageAlarm(storage),
    gzip: nodeGzip,
    sha256,
    verify: webCryptoVerify(),
    randomBytes: (length) => randomBytes(length),
    sealed: (log) => seals.add(log),
    report,
  };
}

export function replacedKeysOf({ INDELIBLE_REPLACED_LOG_KEYS: texts = "" }: Env): Uint8Array[] {
  return texts
    .split(",")
    .filter((text) => text !== "")
    .map(fromBase64);
}

export function ledgerSettings(env: Env): Settings {
  return {
    origin: textOf(env, "INDELIBLE_ORIGIN"),
    sealSeconds: integerOf(env, "INDELIBLE_SEAL_SECONDS", 1, SEAL_SECONDS_MAX),
    sealEntries: integerOf(env, "INDELIBLE_SEAL_ENTRIES", 1, BATCH_LINES_MAX),
    sealBytes: SEAL_BYTES,
  };
}

/** Whether two people are required; where nothing is said, not. */
export function approvalRules(env: Env): ApprovalRules {
  const unsaid = {
    INDELIBLE_TWO_PERSON: "off",
    INDELIBLE_APPROVAL_HOURS: String(APPROVAL_HOURS),
  };
  const given = { ...unsaid, ...env };
  return {
    twoPerson: oneOf(given, "INDELIBLE_TWO_PERSON", ["on", "off"]) === "on",
    approvalHours: integerOf(given, "INDELIBLE_APPROVAL_HOURS", 1, APPROVAL_HOURS_MAX),
    newId: () => makeId(randomBytes(ID_RANDOM_BYTES)),
    nowMs: () => Date.now(),
  };
}

/** The object's one alarm: moved only forward in time, so a later wish never pushes an earlier one away. */
function storageAlarm(storage: DurableObjectStorage): Alarm {
  return {
    async at(timeMs) {
      const set = await storage.getAlarm();
      if (set !== null && set <= timeMs) return;
      await storage.setAlarm(timeMs);
    },
  };
}

/** getRandomValues gives at most 65,536 bytes a call (Web Cryptography, §10.1.1). */
const RANDOM_BYTES_MAX = 65_536;

function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += RANDOM_BYTES_MAX) {
    crypto.getRandomValues(bytes.subarray(at, at + RANDOM_BYTES_MAX));
  }
  return bytes;
}
