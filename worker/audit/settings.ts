/** What the guard in the worker is made of: its parts, and how often and at what cost it looks. */
import type { AuditorParts, AuditorSettings } from "../../storage/flow/audit/types.ts";
import { nodeGzip } from "../../storage/gzip.ts";
import { readHeads } from "../../storage/index/heads.ts";
import type { LibsqlIndex } from "../../storage/index/index.ts";
import { countChunks } from "../../storage/index/read.ts";
import { seedSigner, webCryptoVerify } from "../../storage/keys.ts";
import type { AuditRun } from "../../storage/log/audit-run.ts";
import { fromBase64 } from "../../storage/log/bytes.ts";
import { logOrigin } from "../../storage/log/checkpoint.ts";
import { SYSTEM_LOG } from "../../storage/log/entry.ts";
import { parseVkey, type VerifierKey } from "../../storage/log/note.ts";
import { keyOf } from "../../storage/log/vkey.ts";
import type { AuditFinished } from "../../storage/log/system-events.ts";
import type { IndexView } from "../../storage/flow/verify-index.ts";
import { integerOf, textOf, type Env } from "../env.ts";
import { replacedKeysOf } from "../ledger-parts.ts";
import { valueOf } from "../problem.ts";
import { ledgerForGuard } from "../ledger-stub.ts";
import { report } from "../report.ts";
import { sha256 } from "../sha256.ts";
import { auditSpan } from "../tracing/audit-spans.ts";

/** A month: who looks less often need not look. */
export const AUDIT_HOURS_MAX = 720;
const PAUSE_SECONDS_MAX = 86_400;
const PERCENT = 100;

const HOUR_MS = 3_600_000;
/** Whoever did not act on a finding is told again the next day. */
const REMIND_MS = 24 * HOUR_MS;

export async function auditorSettings(env: Env): Promise<AuditorSettings> {
  const { INDELIBLE_AUDIT_PAUSE_SECONDS: pause = "" } = env;
  const unsaid = { INDELIBLE_AUDIT_HOURS: "24", INDELIBLE_AUDIT_SHARE: "2" };
  const given = { ...unsaid, ...env };
  return {
    origin: textOf(env, "INDELIBLE_ORIGIN"),
    keys: await verifierKeysOf(env),
    source: "instance",
    everyMs: HOUR_MS * integerOf(given, "INDELIBLE_AUDIT_HOURS", 1, AUDIT_HOURS_MAX),
    minPauseMs:
      pause === ""
        ? null
        : 1000 * integerOf(env, "INDELIBLE_AUDIT_PAUSE_SECONDS", 1, PAUSE_SECONDS_MAX),
    share: integerOf(given, "INDELIBLE_AUDIT_SHARE", 1, PERCENT) / PERCENT,
    remindMs: REMIND_MS,
  };
}

/** The public halves of the log keys, today's and those that it replaced; one pair signs for all logs. */
async function verifierKeysOf(env: Env): Promise<VerifierKey[]> {
  const origin = logOrigin(textOf(env, "INDELIBLE_ORIGIN"), SYSTEM_LOG);
  const key = await seedSigner(fromBase64(textOf(env, "INDELIBLE_LOG_KEY")));
  const { vkey } = await key.signer(origin);
  return [parseVkey(vkey), ...replacedKeysOf(env).map((publicKey) => keyOf(origin, publicKey))];
}

/** All but the store and what it is told by others. */
export function auditorParts(
  env: Env,
  index: LibsqlIndex,
): Omit<AuditorParts, "vault" | "store" | "alerts" | "conditions"> {
  return {
    index: viewOf(index),
    clock: { nowMs: () => Date.now() },
    gzip: nodeGzip,
    sha256,
    verify: webCryptoVerify(),
    breathe: () => new Promise((resolve) => setTimeout(resolve, 0)),
    report,
    record: async (run) => {
      valueOf(await ledgerForGuard(env).recordAudit(recordOf(run), run.by));
    },
    over: (run) => auditSpan(env, run),
  };
}

/** It only looks, and must not stand in the way of commits. */
function viewOf(index: LibsqlIndex): IndexView {
  return {
    heads: () => readHeads(index.connection),
    chunks: (log, range) => index.chunks(log, range),
    tiles: (log) => index.tiles(log),
    seals: (log, range) => index.seals(log, range),
    chunkCount: (log, from, to) => countChunks(index.connection, log, from, to),
  };
}

/** Places in one entry: it stays far below the longest line, whatever the keys of the objects. */
const PLACES_MAX = 20;
const KEY_CHARS_MAX = 200;

/** The entry of `_system` that tells of a run: what it looked at and where something was found. */
function recordOf(run: AuditRun): AuditFinished {
  const cut = (text: string | null) => text && [...text].slice(0, KEY_CHARS_MAX).join("");
  const { id, kind, state, why, started_at, finished_at, duration_ms, passes } = run;
  const { logs, batches, entries, unsealed } = run.coverage;
  return {
    ...{ id, kind, state, why: cut(why), ...run.scope },
    ...{ started_at, finished_at, duration_ms: Math.round(duration_ms), passes },
    ...{ logs, batches, entries, unsealed, finding_count: run.finding_count },
    findings: run.findings
      .slice(0, PLACES_MAX)
      .map(({ code, log, first, last, object, version }) => {
        return { code, log, first, last, object: cut(object), version: cut(version) };
      }),
  };
}
