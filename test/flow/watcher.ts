/**
 * An auditor on a world in memory, which keeps what it tells and puts on record. Its time is the world's, and moves to when the
 * auditor wants to be called again.
 */
import { createHash } from "node:crypto";
import { Auditor } from "../../storage/flow/audit/auditor.ts";
import type { AuditorParts, AuditorSettings } from "../../storage/flow/audit/types.ts";
import type { IndexView } from "../../storage/flow/verify-index.ts";
import { nodeGzip } from "../../storage/gzip.ts";
import type { Alert } from "../../storage/guard-ports.ts";
import { seedSigner, webCryptoVerify } from "../../storage/keys.ts";
import type { AuditRun } from "../../storage/log/audit-run.ts";
import { logOrigin } from "../../storage/log/checkpoint.ts";
import type { Finding } from "../../storage/log/findings.ts";
import { parseVkey } from "../../storage/log/note.ts";
import type { Vault } from "../../storage/ports.ts";
import { MemoryGuardStore } from "../alerts/memory-store.ts";
import { ORIGIN, type World } from "./harness.ts";

export const DAY_MS = 86_400_000;
const logKey = await seedSigner(new Uint8Array(32).fill(7));
const vkey = async (log: string) => (await logKey.signer(logOrigin(ORIGIN, log))).vkey;

export interface WatcherOptions {
  readonly settings?: Partial<AuditorSettings>;
  readonly index?: boolean;
  /** In front of the vault and the index, where something is to happen there. */
  readonly vault?: Pick<Vault, "get" | "lock" | "versions">;
  readonly view?: IndexView;
  /** What others show. */
  readonly checkpoints?: NonNullable<AuditorParts["checkpoints"]>;
}

export class Watcher {
  readonly world: World;
  readonly store = new MemoryGuardStore();
  readonly alerts: Alert[] = [];
  readonly records: AuditRun[] = [];
  /** What is said of the surroundings. */
  conditions: Finding[] = [];
  readonly #options: WatcherOptions;
  #auditor: Auditor | null = null;

  constructor(world: World, options: WatcherOptions = {}) {
    this.world = world;
    this.#options = options;
  }

  get auditor(): Auditor {
    return this.#auditor as Auditor;
  }

  /** A new process on what the store has. What the one before had not written is gone. */
  async start(): Promise<this> {
    const { world } = this;
    const { settings, index = true, vault, view, checkpoints } = this.#options;
    this.#auditor = await Auditor.open(
      {
        vault: vault ?? {
          get: (key, version) => world.vault.get(key, version),
          lock: (key, version) => world.vault.lock(key, version),
          versions: (prefix, after) => world.vault.versions(prefix, after),
        },
        index: index ? (view ?? indexOf(world)) : null,
        ...(checkpoints === undefined ? {} : { checkpoints }),
        store: this.store,
        alerts: {
          raise: async (alerts) => {
            const ids = new Set(this.alerts.map(({ id }) => id));
            this.alerts.push(...alerts.filter(({ id }) => !ids.has(id)));
          },
        },
        clock: { nowMs: () => world.nowMs },
        gzip: nodeGzip,
        sha256: (data) => new Uint8Array(createHash("sha256").update(data).digest()),
        verify: webCryptoVerify(),
        report: () => {},
        conditions: async () => this.conditions,
        record: async (run) => {
          if (!this.records.some(({ id }) => id === run.id)) this.records.push(run);
        },
      },
      {
        ...{ origin: ORIGIN, keys: [parseVkey(await vkey("a"))], source: "instance" },
        ...{ everyMs: DAY_MS, minPauseMs: 60_000, share: 0.02, remindMs: DAY_MS },
        ...settings,
      },
    );
    return this;
  }

  /** Calls it when it wants to be called, until so much time has passed. */
  async forMs(ms: number): Promise<void> {
    const endMs = this.world.nowMs + ms;
    while (this.world.nowMs < endMs) {
      const wakeMs = await this.auditor.run();
      this.world.nowMs = Math.min(endMs, Math.max(wakeMs, this.world.nowMs + 1));
    }
  }

  /** Until a pass that begins now, or later, is over, and what it found was told. */
  async pass(): Promise<void> {
    const { passes } = this.auditor.stats();
    const wanted = passes + (this.auditor.stats().pass === null ? 1 : 2);
    for (let turns = 0; this.auditor.stats().passes < wanted; turns += 1) {
      if (turns > 5_000) throw new Error("the pass never ended");
      const wakeMs = await this.auditor.run();
      if (this.auditor.stats().passes < wanted) this.world.nowMs = wakeMs;
    }
    await this.auditor.run();
  }

  /** `code log first-last kind` of each alert since the last call. */
  told(): string[] {
    return this.alerts.splice(0).map(({ kind, finding }) => `${kind} ${brief(finding)}`);
  }

  open(): string[] {
    return this.auditor.openFindings().map(({ finding }) => brief(finding));
  }
}

export function brief({ code, log, first, last }: Finding): string {
  const range = first === null ? "" : first === last ? ` ${first}` : ` ${first}-${last}`;
  return `${code} ${log ?? ""}${range}`.trim();
}

function indexOf(world: World): IndexView {
  return {
    heads: () => world.index.heads(),
    chunks: (log, range) => world.index.chunks(log, range),
    tiles: (log) => world.index.tiles(log),
    seals: (log, range) => world.index.seals(log, range),
  };
}
