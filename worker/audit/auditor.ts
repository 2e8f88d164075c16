/**
 * The Durable Object that guards one ledger: it looks a slice at a time, each begun by its alarm, on an instance that nobody
 * uses, too. What it does and keeps stands in `storage/flow/audit`; here it gets its parts.
 */
import { DurableObject } from "cloudflare:workers";
import { Auditor as AuditorFlow } from "../../storage/flow/audit/auditor.ts";
import { sleep } from "../../storage/flow/commit.ts";
import type { AuditorStats, AuditScope } from "../../storage/flow/audit/types.ts";
import { LibsqlIndex } from "../../storage/index/index.ts";
import { MinioVault } from "../../storage/vault/vault.ts";
import type { WebhooksApi, WebhooksHost } from "../alerts/api.ts";
import { AuditorAlerts } from "../alerts/in-auditor.ts";
import { indexConfigOf, vaultConfigOf, type Env } from "../env.ts";
import type { ReadinessPart, Result } from "../ledger-api.ts";
import { problemOf } from "../ledger-problem.ts";
import { ledgerForGuard } from "../ledger-stub.ts";
import { report } from "../report.ts";
import type { AuditorApi } from "./auditor-api.ts";
import { conditionsOf, LOOK_MS } from "./conditions.ts";
import { readinessOf } from "./readiness.ts";
import { auditorParts, auditorSettings } from "./settings.ts";
import { StorageGuardStore } from "./store.ts";

/** The parts are starting when this object is. */
const FIRST_ALARM_MS = 1_000;
/** Between two slices, whatever the flow wishes: an alarm is written to disk each time. */
const PAUSE_MS_MIN = 50;
/** An alarm so late will not come: workerd can lose one that is moved at the moment in which it fires. */
const LATE_MS = 3 * LOOK_MS;

export class Auditor extends DurableObject<Env> implements AuditorApi, WebhooksHost {
  readonly #startedMs = Date.now();
  readonly #store: StorageGuardStore;
  readonly #alerts: AuditorAlerts;
  #opening: Promise<AuditorFlow> | null = null;
  /** A slice is under way; its end sets the alarm. */
  #running = false;
  #hurry = false;
  /** When the last slice ended. */
  #ranMs = Date.now();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new StorageGuardStore(ctx.storage);
    this.#alerts = new AuditorAlerts(env, this.#store);
    void ctx.blockConcurrencyWhile(async () => {
      if ((await ctx.storage.getAlarm()) === null) {
        await ctx.storage.setAlarm(Date.now() + FIRST_ALARM_MS);
      }
    });
    // On an edge it would keep this object from ever resting.
    if (env.INDELIBLE_LISTEN !== undefined) void this.#watch();
  }

  /** A guard that waits for an alarm that was lost would guard nothing, and nobody would know. */
  async #watch(): Promise<never> {
    for (;;) {
      await sleep(LOOK_MS);
      if (!this.#running && Date.now() - this.#ranMs > LATE_MS) await this.alarm();
    }
  }

  /** Never throws (an alarm that does is dropped after six tries), and always leaves the next one. */
  override async alarm(): Promise<void> {
    let nextMs = Infinity;
    this.#alerts.kick();
    this.#running = true;
    this.#hurry = false;
    try {
      nextMs = await (await this.#open()).run();
    } catch (error) {
      report("warn", "the guard could not look", { reason: String(error) });
    }
    this.#running = false;
    this.#ranMs = Date.now();
    await this.#wakeAt(this.#hurry ? 0 : nextMs);
  }

  async sealed(logs: readonly string[]): Promise<void> {
    const auditor = await this.#open();
    for (const log of logs) auditor.sealed(log);
    await this.#wakeSoon();
  }

  async request(scope: AuditScope, by: string) {
    const asked = await this.#answer((auditor) => auditor.request(scope, by));
    await this.#wakeSoon();
    if (asked.ok || asked.problem.code !== "overloaded") return asked;
    // Whoever asks has asked too much; the instance is well.
    const problem = { ...asked.problem, code: "rate_limited", retryAfterSeconds: 30 } as const;
    return { ok: false, problem } as const;
  }

  runs(options: { readonly limit: number; readonly before?: string }) {
    return this.#answer((auditor) => auditor.runs(options));
  }

  audit(id: string) {
    return this.#answer((auditor) => auditor.audit(id));
  }

  findings() {
    return this.#answer(async (auditor) => {
      return { findings: auditor.openFindings(), more: auditor.stats().openMore };
    });
  }

  async readiness(): Promise<ReadinessPart> {
    const [auditor, { everyMs }] = [await this.#open(), await auditorSettings(this.env)];
    const up = { startedMs: this.#startedMs, everyMs };
    return readinessOf(auditor.openFindings(), auditor.stats(), up, Date.now());
  }

  async stats(): Promise<AuditorStats> {
    return (await this.#open()).stats();
  }

  #open(): Promise<AuditorFlow> {
    this.#opening ??= this.#openNow().catch((error: unknown) => {
      this.#opening = null;
      throw error;
    });
    return this.#opening;
  }

  async #openNow(): Promise<AuditorFlow> {
    const { env } = this;
    const index = new LibsqlIndex(indexConfigOf(env));
    const vault = new MinioVault(vaultConfigOf(env));
    const nowMs = () => Date.now();
    const conditions = conditionsOf({ ledger: ledgerForGuard(env), index, vault, nowMs });
    const parts = {
      ...auditorParts(env, index),
      ...{ vault, store: this.#store, alerts: this.#alerts },
      conditions: () => conditions.now(),
    };
    return AuditorFlow.open(parts, await auditorSettings(env));
  }

  webhooks(name: keyof WebhooksApi, args: readonly unknown[]) {
    return this.#alerts.call(name, args);
  }

  async #answer<T>(work: (auditor: AuditorFlow) => Promise<T>): Promise<Result<T>> {
    try {
      return { ok: true, value: await work(await this.#open()) };
    } catch (error) {
      return { ok: false, problem: problemOf(error) };
    }
  }

  async #wakeSoon(): Promise<void> {
    this.#hurry = true;
    if (!this.#running) await this.#wakeAt(0);
  }

  async #wakeAt(timeMs: number): Promise<void> {
    const nowMs = Date.now();
    const atMs = Math.max(nowMs + PAUSE_MS_MIN, Math.min(timeMs, nowMs + LOOK_MS));
    try {
      await this.ctx.storage.setAlarm(atMs);
    } catch (error) {
      // A full disk. The next seal sets it, or the next start.
      report("error", "the guard's alarm could not be set", { reason: String(error) });
    }
  }
}
