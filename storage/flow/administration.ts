/**
 * What administrators change, one change at a time: each is one or more entries of `_system`, which the directory then
 * follows. What lowers a guard waits for a second administrator where the instance is set to require one.
 */
import { ACCESS_LOG, SYSTEM_LOG } from "../log/entry.ts";
import {
  approvalGranted,
  approvalRefused,
  instanceCreated,
  INSTANCE_FORMAT,
  instanceSetting,
  logChanged,
  tokenCreated,
  tokenRevoked,
  type LogChanged,
  type LogCreated,
  type TokenCreated,
} from "../log/system.ts";
import type { NewEvent } from "./append.ts";
import {
  assertHolds,
  decidable,
  requestOf,
  settingsToRecord,
  whyApproval,
  type ApprovalRules,
  type Decision,
} from "./approvals.ts";
import { birthOf, changeOf, knownToken, planChange, type Change } from "./changes.ts";
import type { Ledger } from "./ledger.ts";
import { Refusal } from "./refusal.ts";
import type { WebhookChange } from "./webhook-change.ts";

/** How long an answer waits for the seal of what it made (PROTOCOL §3). */
const SEAL_WAIT_MS = 10_000;

export interface FirstState {
  readonly origin: string;
  readonly systemRetentionDays: number;
  readonly logs: readonly LogCreated[];
  readonly tokens: readonly TokenCreated[];
}

/**
 * Who asks for a change. `by` stands in the line; the machine's operator, who has no token, is the event's actor
 * (`operator:<name>`) in a line of the instance's own.
 */
export interface Asker {
  readonly by: string;
  readonly actor?: string;
}

/** One token takes the place of another: what the new one has of its own, and when the old one ends (null: at once). */
export interface Rotation {
  readonly id: string;
  readonly to: Pick<TokenCreated, "id" | "sha256" | "expires_at">;
  readonly endsAt: string | null;
}

/** `sealed`: what was written lies under lock. `approval`: the id of the approval for which the change waits, or which decided. */
export interface Outcome {
  readonly sealed: boolean;
  readonly approval: string | null;
}

export class Administration {
  readonly #ledger: Ledger;
  readonly #rules: ApprovalRules;
  #last: Promise<unknown> = Promise.resolve();

  constructor(ledger: Ledger, rules: ApprovalRules) {
    this.#ledger = ledger;
    this.#rules = rules;
  }

  /** The first entries of a new instance, in one commit; what exists already stays. Then the settings, where they changed. */
  bootstrap(first: FirstState): Promise<void> {
    return this.#inTurn(async () => {
      await this.#begin(first);
      const settings = settingsToRecord(this.#ledger.directory, this.#rules);
      if (settings.length === 0) return;
      await this.#append(
        "system",
        settings.map((setting) => instanceSetting(setting)),
      );
    });
  }

  async #begin(first: FirstState): Promise<void> {
    const { origin } = this.#ledger.directory;
    if (origin !== null) {
      if (origin === first.origin) return this.#lengthenOwn(first.systemRetentionDays);
      throw new Refusal("invalid_request", `this instance is ${origin}, not ${first.origin}`);
    }
    const own = (log: string, description: string): LogCreated => ({
      log,
      retention_days: first.systemRetentionDays,
      description,
      public: false,
    });
    const logs = [
      own(SYSTEM_LOG, "The state of the instance: logs, keys, tokens"),
      own(ACCESS_LOG, "Who looked at what"),
      ...first.logs,
    ];
    const events = [
      instanceCreated({ origin: first.origin, format: INSTANCE_FORMAT }),
      ...(await Promise.all(logs.map((log) => birthOf(this.#ledger, log)))).flat(),
      ...first.tokens.map((token) => tokenCreated(token)),
    ];
    await this.#append("system", events);
    for (const { log } of logs) await this.#ledger.announce(await this.#ledger.open(log));
  }

  /** The configured retention is the least of the instance's own logs; a smaller one than they have changes nothing. */
  async #lengthenOwn(days: number): Promise<void> {
    const shorter = [SYSTEM_LOG, ACCESS_LOG].filter((log) => {
      const known = this.#ledger.directory.logs.get(log);
      return known !== undefined && known.retentionDays < days;
    });
    if (shorter.length === 0) return;
    const events = shorter.map((log) => logChanged({ log, retention_days: days }));
    await this.#append("system", events);
  }

  /** Makes a log; `sealed`: its `log.created` lies under lock. */
  createLog(by: string, fields: LogCreated): Promise<Outcome> {
    return this.#make({ by }, { action: "log.created", fields });
  }

  /** Changes a log; where nothing differs nothing is written. What it promised to keep is never kept for less. */
  changeLog(by: string, fields: LogChanged): Promise<Outcome> {
    return this.#make({ by }, { action: "log.changed", fields });
  }

  createToken(asker: Asker, fields: TokenCreated): Promise<Outcome> {
    return this.#make(asker, { action: "token.created", fields });
  }

  /** A new token with the roles, logs, networks and description of an old one, which ends with the overlap. */
  async rotateToken(asker: Asker, { id, to, endsAt }: Rotation): Promise<Outcome> {
    const { roles, logs, networks, description } = knownToken(this.#ledger, id);
    const token = { ...to, roles, logs, networks, description, replaces: id };
    return this.#make(asker, { action: "token.rotated", fields: { ...token, ends_at: endsAt } });
  }

  changeWebhook(by: string, change: WebhookChange): Promise<Outcome> {
    return this.#make({ by }, change);
  }

  /** Works from its commit on, whatever becomes of the seal. */
  async revokeToken({ by, actor = by }: Asker, id: string): Promise<{ readonly sealed: boolean }> {
    const size = await this.#inTurn(async () => {
      if (knownToken(this.#ledger, id).revokedAt !== null) return 0;
      return this.#append(by, [tokenRevoked({ id }, actor)]);
    });
    return { sealed: await this.#sealed(size) };
  }

  /** Grants or refuses what another administrator asked for; what is granted is done in the same commit. */
  async decide(by: string, { id, granted, reason }: Decision): Promise<Outcome> {
    const { directory } = this.#ledger;
    const size = await this.#inTurn(async () => {
      assertHolds(directory, by);
      const record = decidable(directory, { id, by, granted }, this.#rules.nowMs());
      const decided = (events: readonly NewEvent[]) => this.#appendDecision(by, id, events);
      if (!granted) return decided([approvalRefused({ id, reason }, by)]);
      const change = changeOf(record);
      const context = { actor: record.requestedBy, approval: id, nowMs: this.#rules.nowMs() };
      const plan = await planChange(this.#ledger, change, context);
      const grant = approvalGranted({ id, reason }, by);
      return this.#carryOut(change, () => decided([grant, ...(plan?.events ?? [])]));
    });
    return { sealed: await this.#sealed(size), approval: id };
  }

  /** Makes the change, or asks for its approval where it lowers a guard. */
  async #make({ by, actor = by }: Asker, wanted: Change): Promise<Outcome> {
    const { size, approval } = await this.#inTurn(async () => {
      assertHolds(this.#ledger.directory, by);
      const context = { actor, approval: null, nowMs: this.#rules.nowMs() };
      const plan = await planChange(this.#ledger, wanted, context);
      if (plan === null) return { size: 0, approval: null };
      const because = whyApproval(this.#ledger.directory, this.#rules, by, plan.change);
      if (because === null) {
        const made = () => this.#append(by, plan.events);
        return { size: await this.#carryOut(plan.change, made), approval: null };
      }
      const { id, event } = requestOf(by, plan.change, because, this.#rules);
      return { size: await this.#append(by, [event]), approval: id };
    });
    return { sealed: await this.#sealed(size), approval };
  }

  async #carryOut(change: Change, append: () => Promise<number>): Promise<number> {
    const size = await append();
    if (change.action === "log.created") {
      await this.#ledger.announce(await this.#ledger.open(change.fields.log));
    }
    return size;
  }

  /** The size of `_system` with these entries. Throws where the directory could not read what was made. */
  async #append(by: string, events: readonly NewEvent[]): Promise<number> {
    const unreadable = this.#ledger.directory.unreadable.length;
    const { size } = await this.#ledger.appendSystem(by, events);
    const [bad] = this.#ledger.directory.unreadable.slice(unreadable);
    if (bad === undefined) return size;
    throw new Refusal(
      "internal_error",
      `entry ${bad.seq} of _system is passed over: ${bad.detail}`,
    );
  }

  /** Of two workers' decisions the first on record counts; the other stays there, and does nothing. */
  async #appendDecision(by: string, id: string, events: readonly NewEvent[]): Promise<number> {
    const { directory } = this.#ledger;
    const unreadable = directory.unreadable.length;
    try {
      return await this.#append(by, events);
    } catch (error) {
      if (directory.unreadable.length === unreadable) throw error;
      const decision = directory.approvals.records.get(id)?.decision ?? null;
      if (decision === null || decision.by === by) throw error;
      const what = decision.granted ? "granted" : "refused";
      throw new Refusal("approval_decided", `it was ${what} by ${decision.by} at ${decision.at}`);
    }
  }

  async #sealed(size: number): Promise<boolean> {
    const system = await this.#ledger.open(SYSTEM_LOG);
    return this.#ledger.sealer.waitSealed(system, size, SEAL_WAIT_MS);
  }

  /** One change at a time: what it checks still holds when it is written. The wait for its seal comes after. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(change, change);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
