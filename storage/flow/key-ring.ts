/**
 * Verifier keys of the logs. The receipt key is new at each start, so before its first receipt in a log it is announced
 * in `_system`, which is sealed, and published in the folder of keys (PROTOCOL §4).
 */
import { logOrigin, receiptKeyName } from "../log/checkpoint.ts";
import { keyAnnounced, type Directory } from "../log/system.ts";
import type { NewEvent } from "./append.ts";
import type { LogState, Parts, Settings } from "./state.ts";

/** What happens beside the log when a log is opened; both may fail without harm and are repeated at the next start. */
export interface LedgerHooks {
  /** A log's verifier keys became known or grew: current log key, receipt keys newest first. */
  publishKeys(
    log: string,
    vkey: string,
    receiptVkeys: readonly string[],
    retentionDays: number,
  ): Promise<void>;
}

export interface KeyRingHooks {
  directory(): Directory;
  /** How long `_system` is kept. */
  systemRetentionDays(): number;
  appendSystem(events: readonly NewEvent[]): Promise<unknown>;
}

export class KeyRing {
  readonly #parts: Pick<Parts, "logKey" | "receiptKey" | "report">;
  readonly #settings: Pick<Settings, "origin">;
  readonly #ledgerHooks: LedgerHooks;
  readonly #hooks: KeyRingHooks;
  readonly #announcing = new Map<string, Promise<void>>();

  constructor(
    parts: Pick<Parts, "logKey" | "receiptKey" | "report">,
    settings: Pick<Settings, "origin">,
    ledgerHooks: LedgerHooks,
    hooks: KeyRingHooks,
  ) {
    this.#parts = parts;
    this.#settings = settings;
    this.#ledgerHooks = ledgerHooks;
    this.#hooks = hooks;
  }

  /** Returns once the receipt key stands in `_system`. */
  announce(state: LogState): Promise<void> {
    const { name } = state;
    const announcing = this.#announcing.get(name) ?? this.#track(name, this.#announce(state));
    return announcing;
  }

  #track(log: string, work: Promise<void>): Promise<void> {
    const announcing = work.finally(() => this.#announcing.delete(log));
    this.#announcing.set(log, announcing);
    return announcing;
  }

  async #announce(state: LogState): Promise<void> {
    const vkey = await this.receiptVkey(state.name);
    if (!this.#receiptVkeys(state.name).includes(vkey)) {
      await this.#hooks.appendSystem([keyAnnounced({ log: state.name, use: "receipt", vkey })]);
    }
    state.announced = true;
    await this.publish(state.name);
  }

  async publish(log: string): Promise<void> {
    try {
      const vkey = await this.logVkey(log);
      const days = this.#hooks.systemRetentionDays();
      await this.#ledgerHooks.publishKeys(log, vkey, this.#receiptVkeys(log), days);
    } catch (error) {
      const reason = String(error);
      this.#parts.report("warn", "verifier keys were not published", { log, reason });
    }
  }

  /** Every receipt key ever announced for the log, newest first. */
  #receiptVkeys(log: string): string[] {
    const keys = this.#hooks.directory().keys.get(log) ?? [];
    return keys.flatMap(({ use, vkey }) => (use === "receipt" ? [vkey] : [])).reverse();
  }

  async logVkey(log: string): Promise<string> {
    return (await this.#parts.logKey.signer(logOrigin(this.#settings.origin, log))).vkey;
  }

  async receiptVkey(log: string): Promise<string> {
    const origin = logOrigin(this.#settings.origin, log);
    return (await this.#parts.receiptKey.signer(receiptKeyName(origin))).vkey;
  }
}
