/**
 * Which logs a vault has, by its first level: folders that hold batches, and what lies beside them. What `_system` and the
 * index name comes in addition.
 */
import { parseSlotName } from "../log/batch.ts";
import { isLogName, SYSTEM_LOG } from "../log/entry.ts";
import { newFinding, type Finding } from "../log/findings.ts";
import type { LogRecord } from "../log/system.ts";
import type { ObjectVersion, Vault } from "../ports.ts";

export interface Top {
  /** Without the slash. */
  readonly folders: readonly string[];
  /** Objects beside the folders. */
  readonly objects: readonly ObjectVersion[];
  readonly findings: readonly Finding[];
}

export interface FoundLogs {
  /** In order, `_system` not among them. */
  readonly names: readonly string[];
  readonly findings: readonly Finding[];
}

const INSTANCE_FOLDER = "_indelible";
/** Sorts behind every key of a folder. */
const LAST_CHARACTER = "\u{10ffff}";

/** What is asked of a vault as a whole; `prefixes` only where an object spoils the listing of everything. */
export type WholeVault = Pick<Vault, "versions"> & Partial<Pick<Vault, "prefixes">>;

/** The first level of the vault: from each folder it jumps to what follows. */
export async function lookAtTop(vault: WholeVault): Promise<Top> {
  try {
    return { ...(await listTop(vault)), findings: [] };
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    // Which object it is, its log tells. A listing of folders alone does not read what is in them.
    const folders = await listFolders(vault);
    if (folders !== null) return { folders, objects: [], findings: [] };
    // Which logs there are, `_system` and the index tell.
    const wrong = newFinding("batch_unreadable", {}, "a listing", (error as Error).message);
    return { folders: [SYSTEM_LOG], objects: [], findings: [wrong] };
  }
}

async function listFolders(vault: WholeVault): Promise<string[] | null> {
  try {
    const prefixes = await vault.prefixes?.();
    return prefixes?.map((prefix) => prefix.slice(0, -1)) ?? null;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return null;
  }
}

async function listTop(vault: Pick<Vault, "versions">): Promise<Omit<Top, "findings">> {
  const folders: string[] = [];
  const objects: ObjectVersion[] = [];
  let after: string | undefined;
  for (;;) {
    let folder: string | null = null;
    for await (const version of vault.versions("", after)) {
      const slash = version.key.indexOf("/");
      if (slash < 0) objects.push(version);
      else {
        folder = version.key.slice(0, slash);
        break;
      }
    }
    if (folder === null) return { folders, objects };
    folders.push(folder);
    after = `${folder}/${LAST_CHARACTER}`;
  }
}

/**
 * The logs to verify. `known`: those that `_system` names, null where that is not known; `named`: by others (index,
 * checkpoints). `beside`: whether what belongs to no log is looked at; in a folder (no `locks`) other things may lie.
 */
export async function findLogs(
  vault: Pick<Vault, "versions">,
  { folders, objects }: Pick<Top, "folders" | "objects">,
  logs: {
    readonly known: ReadonlyMap<string, LogRecord> | null;
    readonly named: Iterable<string>;
    readonly locks: boolean;
    readonly beside: boolean;
  },
): Promise<FoundLogs> {
  const { known, locks, beside } = logs;
  const findings: Finding[] = [];
  const names = new Set([...(known?.keys() ?? []), ...logs.named]);
  for (const folder of folders) {
    if (folder === INSTANCE_FOLDER || folder === SYSTEM_LOG) continue;
    const batches = await hasBatches(vault, folder);
    if (batches) names.add(folder);
    if (!beside) continue;
    if (batches && known !== null && !known.has(folder)) {
      const place = { log: folder };
      findings.push(newFinding("log_unknown", place, "a log that _system names", "another one"));
    } else if (!batches && locks && known?.has(folder) !== true) {
      const place = { object: `${folder}/` };
      findings.push(newFinding("extra_version", place, "logs", "a folder of something else"));
    }
  }
  if (locks && beside) findings.push(...objects.map(strayFinding));
  names.delete(SYSTEM_LOG);
  return { names: [...names].sort(), findings };
}

async function hasBatches(vault: Pick<Vault, "versions">, folder: string): Promise<boolean> {
  if (!isLogName(folder)) return false;
  try {
    for await (const { key } of vault.versions(`${folder}/`)) {
      if (parseSlotName(key) !== null) return true;
    }
    return false;
  } catch (error) {
    // What hides the listing is told when the log is walked.
    if (isUnreadable(error)) return true;
    throw error;
  }
}

function isUnreadable(error: unknown): boolean {
  return (error as { code?: unknown }).code === "batch_unreadable";
}

function strayFinding(version: ObjectVersion): Finding {
  const code = version.deleteMarker ? "delete_marker" : "extra_version";
  const place = { object: version.key, version: version.versionId };
  return newFinding(code, place, "folders of logs", "an object outside of them");
}
