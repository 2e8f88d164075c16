/**
 * What administrators change, one change at a time: each is one or more entries of `_system`, which the directory then
 * follows. A log's `log.created` and the keys that speak for it are one commit.
 */
import { ACCESS_LOG, isLogName, SYSTEM_LOG } from "../log/entry.ts";
import {
  instanceCreated,
  INSTANCE_FORMAT,
  keyAnnounced,
  logChanged,
  logCreated,
  tokenCreated,
  tokenRevoked,
  type LogChanged,
  type LogCreated,
  type TokenCreated,
  type TokenRecord,
} from "../log/system.ts";
import type { NewEvent } from "./append.ts";
import type { Ledger } from "./ledger.ts";
import { differenceOf } from "./log-change.ts";
import { Refusal } from "./refusal.ts";

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
  readonly nowMs: number;
}

export class Administration {
  readonly #ledger: Ledger;
  #last: Promise<unknown> = Promise.resolve();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** The first entries of a new instance, in one commit; nothing where it exists already. */
  bootstrap(first: FirstState): Promise<void> {
    return this.#inTurn(async () => {
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
        ...(await Promise.all(logs.map((log) => this.#birth(log)))).flat(),
        ...first.tokens.map((token) => tokenCreated(token)),
      ];
      await this.#append("system", events);
      for (const { log } of logs) await this.#ledger.announce(await this.#ledger.open(log));
    });
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
  async createLog(by: string, log: LogCreated): Promise<{ readonly sealed: boolean }> {
    const size = await this.#inTurn(async () => {
      if (!isLogName(log.log) || log.log.startsWith("_")) {
        throw new Refusal("invalid_request", `${log.log} is not a name for a log`);
      }
      if (this.#ledger.directory.logs.has(log.log)) {
        throw new Refusal("log_exists", `there is a log ${log.log} already`);
      }
      if (this.#ledger.unknownLogs.includes(log.log)) {
        const detail = `the vault holds a log ${log.log} that this instance did not make; its name is not used again`;
        throw new Refusal("log_exists", detail);
      }
      const size = await this.#append(by, await this.#birth(log, by));
      await this.#ledger.announce(await this.#ledger.open(log.log));
      return size;
    });
    return { sealed: await this.#sealed(size) };
  }

  /** Changes a log; where nothing differs nothing is written. What it promised to keep is never kept for less. */
  async changeLog(by: string, change: LogChanged): Promise<{ readonly sealed: boolean }> {
    const size = await this.#inTurn(async () => {
      const known = this.#ledger.directory.logs.get(change.log);
      if (known === undefined) throw new Refusal("log_unknown", `there is no log ${change.log}`);
      const differing = differenceOf(known, change);
      return differing === null ? 0 : this.#append(by, [logChanged(differing, by)]);
    });
    return { sealed: await this.#sealed(size) };
  }

  async createToken(
    { by, actor = by }: Asker,
    token: TokenCreated,
  ): Promise<{ readonly sealed: boolean }> {
    const size = await this.#inTurn(async () => {
      this.#assertNewToken(token.id);
      return this.#append(by, [tokenCreated(token, actor)]);
    });
    return { sealed: await this.#sealed(size) };
  }

  /**
   * A new token with the roles, logs, networks and description of an old one, which ends with the overlap. Both entries are
   * one commit: there is no moment with neither.
   */
  async rotateToken(
    { by, actor = by }: Asker,
    { id, to, endsAt, nowMs }: Rotation,
  ): Promise<{ readonly sealed: boolean }> {
    const size = await this.#inTurn(async () => {
      const old = this.#token(id);
      assertRotatable(old, nowMs);
      this.#assertNewToken(to.id);
      const { roles, logs, networks, description } = old;
      const token = { ...to, roles, logs, networks, description, replaces: id };
      const end = endsAt === null ? {} : { ends_at: endsAt };
      return this.#append(by, [
        tokenCreated(token, actor),
        tokenRevoked({ id, to: to.id, ...end }, actor),
      ]);
    });
    return { sealed: await this.#sealed(size) };
  }

  /** Works from its commit on, whatever becomes of the seal. */
  async revokeToken({ by, actor = by }: Asker, id: string): Promise<{ readonly sealed: boolean }> {
    const size = await this.#inTurn(async () => {
      if (this.#token(id).revokedAt !== null) return 0;
      return this.#append(by, [tokenRevoked({ id }, actor)]);
    });
    return { sealed: await this.#sealed(size) };
  }

  #token(id: string): TokenRecord {
    const token = this.#ledger.directory.tokens.get(id);
    if (token === undefined) throw new Refusal("token_unknown", `there is no token ${id}`);
    return token;
  }

  #assertNewToken(id: string): void {
    if (!this.#ledger.directory.tokens.has(id)) return;
    throw new Refusal("invalid_request", `there is a token ${id} already`);
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

  async #birth(log: LogCreated, by = "system"): Promise<NewEvent[]> {
    return [
      logCreated(log, by),
      keyAnnounced({ log: log.log, use: "log", vkey: await this.#ledger.logVkey(log.log) }, by),
      keyAnnounced(
        { log: log.log, use: "receipt", vkey: await this.#ledger.receiptVkey(log.log) },
        by,
      ),
    ];
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

/** Whoever lost the answer of a rotation rotates the token that it made. */
function assertRotatable(
  { id, revokedAt, replacedBy, endsAtMs }: TokenRecord,
  nowMs: number,
): void {
  const refuse = (what: string) => new Refusal("token_ended", `token ${id} ${what}`);
  if (revokedAt !== null) throw refuse("is revoked: make another");
  if (replacedBy !== null) throw refuse(`was rotated to ${replacedBy} already: rotate that one`);
  if (endsAtMs <= nowMs) throw refuse("has expired: make another");
}
