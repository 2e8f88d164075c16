/**
 * The one verifier (`npm run verify`, audits, tests): all logs of a vault, `_system` first, because it says which logs
 * there are and what they promised. Needs verifier keys and nothing else of the instance; an index is compared where one is given.
 */
import { isLogName, SYSTEM_LOG } from "../log/entry.ts";
import { logOrigin } from "../log/checkpoint.ts";
import { newFinding, type Finding } from "../log/findings.ts";
import { keyOf, type VerifierKey } from "../log/vkey.ts";
import type { Vault } from "../ports.ts";
import { FindingList } from "./finding-list.ts";
import { Promises } from "./promises.ts";
import { Remembered, type KeptCheckpoint } from "./remembered.ts";
import { checkObject, type CheckContext, type SlotBatch, type SlotContext } from "./slot.ts";
import { findLogs, lookAtTop } from "./vault-top.ts";
import type { IndexView, SealedRun } from "./verify-index.ts";
import { verifyLog, type LogReport } from "./verify-log.ts";

export interface VerifyParts extends Pick<CheckContext, "gzip" | "sha256" | "verify"> {
  readonly vault: Pick<Vault, "get" | "lock" | "versions">;
  readonly index: IndexView | null;
  /** Where objects are checked and runs compared: here unless given. */
  readonly check?: NonNullable<SlotContext["check"]>;
  readonly compare?: (run: SealedRun) => Promise<readonly Finding[]>;
}

export interface VerifyOptions {
  /** The instance's origin: a log's is `<origin>/<log>`. */
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
  /** False for a folder, which has no locks; what lies beside its logs is not looked at either. */
  readonly locks: boolean;
  /** Only this log; null: all. */
  readonly only: string | null;
  readonly kept: readonly KeptCheckpoint[];
  /** Told of each batch that counts, of any log. */
  onBatch(read: SlotBatch): void;
  onLog(report: LogReport): void;
}

export interface VerifyReport {
  readonly logs: readonly LogReport[];
  /** What belongs to no log that was verified. */
  readonly findings: readonly Finding[];
  /** What could not be looked at, as sentences. */
  readonly unchecked: readonly string[];
}

/** Throws VaultError and IndexError where they do not answer: then nothing is known. */
export async function verifyAll(parts: VerifyParts, options: VerifyOptions): Promise<VerifyReport> {
  const findings = new FindingList();
  const unchecked: string[] = [];
  const logs: LogReport[] = [];
  const { only } = options;
  // Listed before `_system` is read: whatever log has a batch by now was made there before.
  const top = await lookAtTop(parts.vault);
  findings.addAll(top.findings);
  const inIndex = parts.index === null ? [] : [...(await parts.index.heads()).keys()];
  const verify = async (log: string, system: Promises | null): Promise<void> => {
    const report = await verifyOne(parts, options, log, system);
    logs.push(report);
    options.onLog(report);
  };

  let system: Promises | null = null;
  // An object named like a log hides the log's batches from MinIO's listings.
  const seen = [...top.folders, ...top.objects.map(({ key }) => key), ...inIndex];
  const hasSystem = seen.includes(SYSTEM_LOG);
  if (hasSystem && (only === null || only === SYSTEM_LOG)) {
    system = new Promises();
    await verify(SYSTEM_LOG, system);
    unchecked.push(...system.unreadable());
  } else if (only === null) {
    unchecked.push("there is no _system here: which logs there should be is not known");
  }

  const known = system === null || system.broken ? null : system.directory.logs;
  const found = await findLogs(parts.vault, top, {
    ...{ known, named: [...inIndex, ...options.kept.map(logOf)] },
    ...{ locks: options.locks, beside: only === null },
  });
  findings.addAll(found.findings);
  for (const name of found.names) {
    if (only === null || only === name) await verify(name, system);
  }
  if (only !== null && logs.length === 0) {
    findings.add(newFinding("batch_missing", { log: only }, `a log ${only}`, "nothing of it"));
  }
  return { logs, findings: findings.all(), unchecked };
}

async function verifyOne(
  parts: VerifyParts,
  options: VerifyOptions,
  log: string,
  system: Promises | null,
): Promise<LogReport> {
  const origin = logOrigin(options.origin, log);
  const { vault, gzip, sha256, verify } = parts;
  const isSystem = log === SYSTEM_LOG;
  // Of `_system` the lines themselves are wanted, so it is read here.
  const check = isSystem ? checkObject : (parts.check ?? checkObject);
  const keys = keysOf(options.keys, options.origin, origin);
  return verifyLog(
    { vault, gzip, sha256, verify, log, origin, keys, locks: options.locks, check },
    {
      index: parts.index,
      ...(parts.compare === undefined ? {} : { compare: parts.compare }),
      remembered: new Remembered(
        log,
        options.kept.filter((kept) => kept.origin === origin),
      ),
      retentionDaysAt: (timeMs) => system?.retentionDaysAt(log, timeMs) ?? null,
      onBatch: (read) => {
        if (isSystem) system?.take(read);
        options.onBatch(read);
      },
    },
  );
}

/**
 * Keys that may have signed a log. One key pair signs for all logs of an instance, so the key of one log is
 * good for another unless that one's own is given.
 */
export function keysOf(
  keys: readonly VerifierKey[],
  instanceOrigin: string,
  origin: string,
): VerifierKey[] {
  const own = keys.filter(({ name }) => name === origin);
  if (own.length > 0) return own;
  return keys
    .filter(({ name }) => isLogKey(name, instanceOrigin))
    .map(({ publicKey }) => keyOf(origin, publicKey));
}

function isLogKey(name: string, instanceOrigin: string): boolean {
  return name.startsWith(`${instanceOrigin}/`) && isLogName(name.slice(instanceOrigin.length + 1));
}

function logOf({ origin }: KeptCheckpoint): string {
  return origin.slice(origin.lastIndexOf("/") + 1);
}
