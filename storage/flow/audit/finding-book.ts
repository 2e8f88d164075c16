/**
 * The findings that are open: each told to people once when it was confirmed, again from time to time, and once more when a
 * complete look at its place no longer shows it. A record is on disk before its alert is raised, and says afterwards that it
 * was: a crash in between raises the same alert, by its id, again.
 */
import type { Alert, AlertSink, GuardStore } from "../../guard-ports.ts";
import { encodeUtf8, toHex } from "../../log/bytes.ts";
import { severityOf, type Finding } from "../../log/findings.ts";
import type { Sha256 } from "../../log/hash.ts";
import type { Json } from "../../log/json-value.ts";
import type { Clock } from "../../ports.ts";
import { formatTime } from "../append.ts";
import type { OpenFinding } from "./types.ts";

export interface FindingBookParts {
  readonly store: GuardStore;
  readonly alerts: AlertSink;
  readonly clock: Clock;
  readonly sha256: Sha256;
}

export interface FindingBookSettings {
  readonly origin: string;
  readonly source: Alert["source"];
  readonly remindMs: number;
}

/** Who sees a finding: whoever walks logs, or the surroundings, which tell all that is wrong each time. */
export type Seer = "look" | "conditions";

/** Open findings that are kept; the rest is counted. A record has some 1 KB. */
const KEPT_MAX = 1_000;
/** Findings of one kind in one log that are told one by one: behind them somebody is looking already. */
const TOLD_MAX = 50;
const NOT_TOLD = "; further ones of this kind in this log are not told one by one";

const PREFIX = "finding/";
const KEY_HEX = 32;

type OpenRecord = {
  finding: Finding;
  sinceMs: number;
  seenMs: number;
  /** `silent`: kept, and not told by itself. */
  told: "not yet" | "yes" | "silent";
  toldMs: number;
  reminders: number;
  seers: Seer[];
};

export class FindingBook {
  readonly #parts: FindingBookParts;
  readonly #settings: FindingBookSettings;
  /** By key. */
  readonly #open: Map<string, OpenRecord>;
  #more = 0;
  #moreNow = 0;

  private constructor(
    parts: FindingBookParts,
    settings: FindingBookSettings,
    open: Map<string, OpenRecord>,
  ) {
    this.#parts = parts;
    this.#settings = settings;
    this.#open = open;
  }

  static async open(parts: FindingBookParts, settings: FindingBookSettings): Promise<FindingBook> {
    const records = await parts.store.list(PREFIX, { limit: KEPT_MAX });
    const open = new Map<string, OpenRecord>();
    for (const [key, record] of records) {
      open.set(key.slice(PREFIX.length), record as unknown as OpenRecord);
    }
    return new FindingBook(parts, settings, open);
  }

  /** Of a finding by its code and place: what it grew to, and what was found there, may change. */
  keyOf({ code, log, first, object, version }: Finding): string {
    const text = JSON.stringify([code, log, first, object, version]);
    return toHex(this.#parts.sha256(encodeUtf8(text))).slice(0, KEY_HEX);
  }

  has(key: string): boolean {
    return this.#open.has(key);
  }

  list(): OpenFinding[] {
    return [...this.#open].map(([key, record]) => ({
      key,
      severity: severityOf(record.finding.code),
      since: formatTime(record.sinceMs),
      seen: formatTime(record.seenMs),
      reminders: record.reminders,
      finding: record.finding,
    }));
  }

  get more(): number {
    return this.#more;
  }

  /** A look at everything begins: what is beyond the kept ones is counted anew. */
  passed(): void {
    this.#more = this.#moreNow;
    this.#moreNow = 0;
  }

  /** Takes confirmed findings: those that are not open yet are opened and told. */
  async confirm(findings: readonly Finding[], seer: Seer): Promise<void> {
    const nowMs = this.#parts.clock.nowMs();
    const changed: string[] = [];
    for (const finding of findings) {
      const key = this.keyOf(finding);
      const known = this.#open.get(key);
      if (known === undefined && this.#open.size >= KEPT_MAX) {
        this.#moreNow += 1;
        continue;
      }
      const record = known ?? this.#newRecord(finding, nowMs);
      const same = known !== undefined && sameText(record.finding, finding);
      if (!same || !record.seers.includes(seer)) changed.push(key);
      const seers = record.seers.includes(seer) ? record.seers : [...record.seers, seer];
      const told = known === undefined ? record.finding : finding;
      this.#open.set(key, { ...record, finding: told, seers, seenMs: nowMs });
    }
    await this.#write(changed);
    await this.#tell(nowMs);
  }

  /** Those of `seer` for which `gone` holds are not there any more. */
  async clear(
    seer: Seer,
    gone: (key: string, finding: Finding, seenMs: number) => boolean,
  ): Promise<void> {
    const nowMs = this.#parts.clock.nowMs();
    const left: string[] = [];
    const changed: string[] = [];
    for (const [key, record] of this.#open) {
      if (!record.seers.includes(seer) || !gone(key, record.finding, record.seenMs)) continue;
      const seers = record.seers.filter((one) => one !== seer);
      if (seers.length === 0) left.push(key);
      else {
        this.#open.set(key, { ...record, seers });
        changed.push(key);
      }
    }
    await this.#write(changed);
    if (left.length === 0) return;
    await this.#tell(nowMs);
    const records = left.map((key) => [key, this.#open.get(key) as OpenRecord] as const);
    const told = records.filter(([, { told }]) => told !== "silent");
    await this.#raise(told.map(([key, record]) => this.#alert(key, record, "cleared", nowMs)));
    await this.#parts.store.write(new Map(left.map((key) => [PREFIX + key, null])));
    for (const key of left) this.#open.delete(key);
  }

  /** Tells what is due: alerts that a crash kept back, and reminders. */
  async tend(): Promise<void> {
    const nowMs = this.#parts.clock.nowMs();
    await this.#tell(nowMs);
    const due = [...this.#open].filter(
      ([, { told, toldMs }]) => told === "yes" && nowMs - toldMs >= this.#settings.remindMs,
    );
    if (due.length === 0) return;
    const next = due.map(([key, record]) => {
      return [key, { ...record, reminders: record.reminders + 1, toldMs: nowMs }] as const;
    });
    await this.#raise(next.map(([key, record]) => this.#alert(key, record, "reminder", nowMs)));
    for (const [key, record] of next) this.#open.set(key, record);
    await this.#write(next.map(([key]) => key));
  }

  /** When the next reminder is due; infinity if nothing is open. */
  get dueMs(): number {
    let dueMs = Infinity;
    for (const { told, toldMs } of this.#open.values()) {
      if (told === "not yet") return 0;
      if (told === "yes") dueMs = Math.min(dueMs, toldMs + this.#settings.remindMs);
    }
    return dueMs;
  }

  #newRecord(finding: Finding, nowMs: number): OpenRecord {
    const alike = [...this.#open.values()].filter(
      (other) => other.finding.code === finding.code && other.finding.log === finding.log,
    ).length;
    const told = alike > TOLD_MAX ? "silent" : "not yet";
    const last = alike === TOLD_MAX ? { found: finding.found + NOT_TOLD } : {};
    const times = { sinceMs: nowMs, seenMs: nowMs, toldMs: nowMs };
    return { finding: { ...finding, ...last }, ...times, told, reminders: 0, seers: [] };
  }

  async #tell(nowMs: number): Promise<void> {
    const waiting = [...this.#open].filter(([, { told }]) => told === "not yet");
    if (waiting.length === 0) return;
    await this.#raise(
      waiting.map(([key, record]) => this.#alert(key, record, "opened", record.sinceMs)),
    );
    for (const [key, record] of waiting) {
      this.#open.set(key, { ...record, told: "yes", toldMs: nowMs });
    }
    await this.#write(waiting.map(([key]) => key));
  }

  async #raise(alerts: readonly Alert[]): Promise<void> {
    if (alerts.length > 0) await this.#parts.alerts.raise(alerts);
  }

  #alert(
    key: string,
    { finding, sinceMs, reminders }: OpenRecord,
    kind: Alert["kind"],
    atMs: number,
  ): Alert {
    const { origin: instance, source } = this.#settings;
    const count = kind === "reminder" ? `-${reminders}` : "";
    return {
      id: `${key}-${sinceMs}-${kind}${count}`,
      kind,
      severity: severityOf(finding.code),
      at: formatTime(atMs),
      since: formatTime(sinceMs),
      ...{ instance, source, finding },
    };
  }

  async #write(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return;
    const record = (key: string): Json => this.#open.get(key) as unknown as Json;
    await this.#parts.store.write(new Map(keys.map((key) => [PREFIX + key, record(key)])));
  }
}

function sameText(a: Finding, b: Finding): boolean {
  return a.last === b.last && a.found === b.found && a.expected === b.expected;
}
