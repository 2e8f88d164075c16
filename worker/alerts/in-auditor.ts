/**
 * Telling people, in the Durable Object of the guard: what it raises is kept in its store, and sent by the clock from here on.
 * Every alarm of the object kicks it, too, so that what waited is sent after a start that nobody asked for.
 */
import { Pump } from "../../storage/alerts/pump.ts";
import type { Alert, AlertSink, GuardStore } from "../../storage/guard-ports.ts";
import { textOf, type Env } from "../env.ts";
import type { Result } from "../ledger-api.ts";
import { ledgerOf } from "../ledger-stub.ts";
import { callsOf } from "../outgoing.ts";
import { report } from "../report.ts";
import type { WebhooksApi } from "./api.ts";
import { fileChannelsOf } from "./file-channels.ts";
import { AlertKeeper } from "./keeper.ts";

export class AuditorAlerts implements AlertSink {
  readonly #env: Env;
  readonly #store: GuardStore;
  readonly #pump: Pump;
  #opening: Promise<AlertKeeper> | null = null;

  constructor(env: Env, store: GuardStore) {
    this.#env = env;
    this.#store = store;
    const run = async () => (await this.#keeper()).run();
    this.#pump = new Pump({ run, nowMs: Date.now, report: warn });
  }

  /** Into the operator's log first: whoever reads it needs no channel. */
  async raise(alerts: readonly Alert[]): Promise<void> {
    for (const alert of alerts) reportAlert(alert);
    await (await this.#keeper()).raise(alerts);
  }

  kick(): void {
    this.#pump.kick();
  }

  /** One of the calls of `WebhooksApi`. */
  async call(name: keyof WebhooksApi, args: readonly unknown[]): Promise<unknown> {
    const keeper = await this.#keeper();
    return (keeper[name] as (...given: unknown[]) => Promise<Result<unknown>>).apply(keeper, [
      ...args,
    ]);
  }

  #keeper(): Promise<AlertKeeper> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = null;
      throw error;
    });
    return this.#opening;
  }

  #open(): Promise<AlertKeeper> {
    const env = this.#env;
    const { INDELIBLE_ALERT_LINK: link = "" } = env;
    return AlertKeeper.open({
      store: this.#store,
      ledger: () => ledgerOf(env),
      post: callsOf(env),
      fileChannels: fileChannelsOf(env),
      privateAllowed: env.INDELIBLE_ALLOW_PRIVATE_ADDRESSES === "on",
      instance: textOf(env, "INDELIBLE_ORIGIN"),
      link: link === "" ? null : link,
      nowMs: Date.now,
      randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
      onDue: () => this.#pump.kick(),
      report: warn,
    });
  }
}

function warn(what: string, facts: Readonly<Record<string, unknown>>): void {
  report("warn", what, facts);
}

function reportAlert({ kind, severity, finding, since }: Alert): void {
  const { code, log, first, last, object, expected, found } = finding;
  const place = { log, first, last, object, expected, found };
  const level = severity === "critical" && kind !== "cleared" ? "error" : "warn";
  report(level, `finding ${kind}: ${code}`, { ...place, since });
}
