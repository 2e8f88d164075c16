/**
 * The vault of a whole small instance for tests: `_system` that names its logs, keys and tokens, and those logs. All is
 * sealed under the key of `build-log.ts`.
 */
import { encodeUtf8 } from "../../storage/log/bytes.ts";
import { logOrigin } from "../../storage/log/checkpoint.ts";
import {
  INSTANCE_FORMAT,
  instanceCreated,
  keyAnnounced,
  logCreated,
  tokenCreated,
} from "../../storage/log/system.ts";
import { toHex } from "../../storage/log/bytes.ts";
import {
  buildLog,
  logSigner,
  ORIGIN,
  sha256,
  START_MS,
  type BuildOptions,
  type BuiltLog,
  type PutObject,
} from "./build-log.ts";

export interface InstanceOptions {
  readonly put: PutObject;
  /** Logs beside `_system`, with the sizes of their batches. */
  readonly logs: Readonly<Record<string, readonly number[]>>;
  /** Further options of those logs. */
  readonly log?: Partial<BuildOptions>;
  readonly retentionDays?: number;
  /** Tokens, whole, by id. */
  readonly tokens?: Readonly<Record<string, string>>;
  readonly timeMs?: (seq: number) => number;
}

export interface BuiltInstance {
  readonly system: BuiltLog;
  readonly logs: Readonly<Record<string, BuiltLog>>;
  /** Keys of all logs, a line each. */
  readonly vkeys: string;
}

export async function buildInstance(options: InstanceOptions): Promise<BuiltInstance> {
  const { put, retentionDays = 1, timeMs = (seq) => START_MS + seq } = options;
  const names = Object.keys(options.logs);
  const events: string[] = [
    instanceCreated({ origin: ORIGIN, format: INSTANCE_FORMAT }).text,
    ...(await Promise.all(["_system", ...names].map((name) => birth(name, retentionDays)))).flat(),
    ...Object.entries(options.tokens ?? {}).map(([id, token]) => tokenText(id, token)),
  ];
  const system = await buildLog({
    log: "_system",
    batches: [events.length],
    event: (seq) => events[seq] as string,
    ...{ retentionDays, timeMs, put },
  });
  const logs: Record<string, BuiltLog> = {};
  for (const [log, batches] of Object.entries(options.logs)) {
    logs[log] = await buildLog({ log, batches, retentionDays, timeMs, put, ...options.log });
  }
  const vkeys = [system, ...Object.values(logs)].map(({ vkey }) => `${vkey}\n`).join("");
  return { system, logs, vkeys };
}

async function birth(log: string, days: number): Promise<string[]> {
  const { vkey } = await logSigner.signer(logOrigin(ORIGIN, log));
  return [
    logCreated({ log, retention_days: days, description: "", public: false }).text,
    keyAnnounced({ log, use: "log", vkey }).text,
  ];
}

function tokenText(id: string, token: string): string {
  return tokenCreated({
    ...{ id, roles: ["writer", "auditor"], logs: ["demo"], networks: [], description: "" },
    expires_at: null,
    sha256: toHex(sha256(encodeUtf8(token))),
  }).text;
}
