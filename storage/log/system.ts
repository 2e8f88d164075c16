/**
 * The state of an instance, folded from the entries of `_system` in order (FORMAT §8). Tables that serve it are projections of
 * what stands here. A word that is not known is passed over, and so is a field. A known word whose fields are not what they
 * must be changes nothing and is remembered as unreadable: it stands there for ever, and must not keep the instance from starting.
 */
import { Approvals } from "./approvals.ts";
import { RETENTION_DAYS_MAX } from "./batch-header.ts";
import { LogError } from "./errors.ts";
import { isJsonObject } from "./json.ts";
import type { KeyUse, LogRecovered } from "./system-events.ts";
import { Persons } from "./persons.ts";
import { Fields, type SystemEntry } from "./system-fields.ts";
import { parseVkey } from "./vkey.ts";
import { Webhooks } from "./webhooks.ts";

export * from "./system-events.ts";
export type { ApprovalRecord } from "./approvals.ts";
export type { SystemEntry } from "./system-fields.ts";
export type { WebhookRecord } from "./webhooks.ts";

/** A log as its entries in `_system` leave it. */
export interface LogRecord {
  readonly name: string;
  readonly retentionDays: number;
  readonly description: string;
  readonly public: boolean;
  readonly createdAt: string;
  /** The place of its `log.created` in `_system`. */
  readonly seq: number;
}

export interface TokenRecord {
  readonly id: string;
  readonly roles: readonly string[];
  readonly logs: readonly string[];
  /** RFC 3339, as it was given. */
  readonly expiresAt: string | null;
  /** Where another took its place: when the overlap of the two ends. */
  readonly rotatedUntil: string | null;
  /** The earlier of the two in milliseconds since 1970; infinity for a token that does not end by itself. */
  readonly endsAtMs: number;
  readonly networks: readonly string[];
  readonly description: string;
  /** Hex, of the whole token. */
  readonly sha256: string;
  readonly createdAt: string;
  /** `by` of its entry; who it was in words, where the instance wrote it for the machine's operator. */
  readonly createdBy: string;
  readonly revokedAt: string | null;
  /** Ids of the tokens before and after it in a rotation. */
  readonly replaces: string | null;
  readonly replacedBy: string | null;
}

export interface KeyRecord {
  readonly log: string;
  readonly use: KeyUse;
  readonly vkey: string;
  readonly announcedAt: string;
}

export interface RecoveryRecord extends LogRecovered {
  readonly at: string;
}

export class Directory {
  /** The origin of the instance, null before `instance.created`. */
  origin: string | null = null;
  /** How many entries were folded: the seq of the next. */
  size = 0;
  /** Logs by name. */
  readonly logs = new Map<string, LogRecord>();
  /** Tokens by id, revoked ones too. */
  readonly tokens = new Map<string, TokenRecord>();
  /** Tokens by SHA-256 (hex), without those revoked; whether one has ended is for its user to see. */
  readonly tokenBySha256 = new Map<string, TokenRecord>();
  /** Announced keys by log, oldest first. */
  readonly keys = new Map<string, KeyRecord[]>();
  /** Recoveries by log, oldest first. */
  readonly recovered = new Map<string, RecoveryRecord[]>();
  /** Starts at which nothing could be proved about these logs, oldest first. */
  readonly unproven: { readonly logs: readonly string[]; readonly at: string }[] = [];

  /** Settings that `_system` tells of, by name. */
  readonly settings = new Map<string, string>();
  /** Changes that wait for another administrator, or did. */
  readonly approvals = new Approvals();
  readonly persons = new Persons();
  /** Where alerts go. */
  readonly webhooks = new Webhooks();

  /** Entries with a known word whose fields it cannot have, oldest first: nobody but the instance writes them, so this is a bug. */
  readonly unreadable: { readonly seq: number; readonly detail: string }[] = [];

  /** What lowers a guard needs a second administrator. */
  get twoPerson(): boolean {
    return this.settings.get("two_person") === "on";
  }

  /** Takes the next entry; throws `invalid_system` if it is not the next. */
  apply(entry: SystemEntry): void {
    if (entry.seq !== this.size) {
      throw new LogError(
        "invalid_system",
        `entry ${entry.seq} of _system where ${this.size} is next`,
      );
    }
    const fields = new Fields(entry);
    try {
      this.approvals.assertGranted(fields);
      this.word(entry, fields);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.unreadable.push({ seq: entry.seq, detail: error.detail });
    }
    this.size++;
  }

  private word(entry: SystemEntry, fields: Fields): void {
    switch (entry.action) {
      case "instance.created":
        if (entry.seq !== 0) throw fields.wrong("instance.created", "at seq 0 only");
        this.origin = fields.text("origin");
        return;
      case "log.created":
        return this.logCreated(entry, fields);
      case "log.changed":
        return this.logChanged(fields);
      case "key.announced":
        return this.keyAnnounced(entry, fields);
      case "token.created":
        return this.tokenCreated(entry, fields);
      case "token.revoked":
        return this.tokenRevoked(entry, fields);
      case "log.recovered":
        return this.logRecovered(entry, fields);
      case "instance.unproven":
        this.unproven.push({ logs: fields.texts("logs"), at: entry.time });
        return;
      case "instance.setting":
        this.settings.set(fields.text("name"), fields.text("value"));
        return;
      case "approval.requested":
        return this.approvals.requested(entry, fields);
      case "approval.granted":
        return this.approvals.decided(entry, fields, true);
      case "approval.refused":
        return this.approvals.decided(entry, fields, false);
      case "webhook.created":
        return this.webhooks.created(entry, fields);
      case "webhook.changed":
        return this.webhooks.changed(fields);
      case "webhook.rotated":
        return this.webhooks.rotated(fields);
      case "webhook.deleted":
        return this.webhooks.deleted(fields);
    }
  }

  private logCreated(entry: SystemEntry, fields: Fields): void {
    const name = fields.log();
    if (this.logs.has(name)) throw fields.wrong("log", "a log that does not exist yet");
    this.logs.set(name, {
      name,
      retentionDays: fields.whole("retention_days", 1, RETENTION_DAYS_MAX),
      description: fields.text("description"),
      public: fields.flag("public"),
      createdAt: entry.time,
      seq: entry.seq,
    });
  }

  private logChanged(fields: Fields): void {
    const known = this.logs.get(fields.log());
    if (known === undefined) throw fields.wrong("log", "a log that exists");
    // What was promised once is never less again, whoever wrote so.
    const retentionDays = fields.has("retention_days")
      ? fields.whole("retention_days", known.retentionDays, RETENTION_DAYS_MAX)
      : known.retentionDays;
    const description = fields.has("description") ? fields.text("description") : known.description;
    const isPublic = fields.has("public") ? fields.flag("public") : known.public;
    this.logs.set(known.name, { ...known, retentionDays, description, public: isPublic });
  }

  private keyAnnounced(entry: SystemEntry, fields: Fields): void {
    const log = fields.log();
    const use = fields.text("use");
    if (use !== "log" && use !== "receipt") throw fields.wrong("use", "log or receipt");
    const vkey = fields.text("vkey");
    parseVkey(vkey);
    push(this.keys, log, { log, use, vkey, announcedAt: entry.time });
  }

  private tokenCreated(entry: SystemEntry, fields: Fields): void {
    const expiresAt = fields.isNull("expires_at") ? null : fields.time("expires_at");
    const token: TokenRecord = {
      id: fields.text("id"),
      roles: fields.texts("roles"),
      logs: fields.texts("logs"),
      expiresAt,
      rotatedUntil: null,
      endsAtMs: expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(expiresAt),
      networks: fields.texts("networks"),
      description: fields.text("description"),
      sha256: fields.hash("sha256"),
      createdAt: entry.time,
      createdBy: this.approvals.requester(fields) ?? askerOf(entry),
      revokedAt: null,
      replaces: fields.has("replaces") ? fields.text("replaces") : null,
      replacedBy: null,
    };
    if (this.tokens.has(token.id)) throw fields.wrong("id", "a token that does not exist yet");
    this.tokens.set(token.id, token);
    this.tokenBySha256.set(token.sha256, token);
    this.persons.made(token, entry.by === "system" ? null : token.createdBy, this.twoPerson);
  }

  private tokenRevoked(entry: SystemEntry, fields: Fields): void {
    const token = this.tokens.get(fields.text("id"));
    if (token === undefined) throw fields.wrong("id", "a token that exists");
    if (fields.has("to")) return this.tokenRotated(entry, fields, token);
    this.tokenBySha256.delete(token.sha256);
    this.tokens.set(token.id, { ...token, revokedAt: token.revokedAt ?? entry.time });
  }

  /** Whatever the entry says, no token lives longer by it. */
  private tokenRotated(entry: SystemEntry, fields: Fields, token: TokenRecord): void {
    const rotatedUntil = fields.has("ends_at") ? fields.time("ends_at") : entry.time;
    const endsAtMs = Math.min(token.endsAtMs, Date.parse(rotatedUntil));
    const rotated = { ...token, rotatedUntil, endsAtMs, replacedBy: fields.text("to") };
    this.tokens.set(token.id, rotated);
    if (token.revokedAt === null) this.tokenBySha256.set(token.sha256, rotated);
  }

  private logRecovered(entry: SystemEntry, fields: Fields): void {
    const log = fields.log();
    const seqOrNull = (name: string): number | null =>
      fields.isNull(name) ? null : fields.whole(name, 0, Number.MAX_SAFE_INTEGER);
    push(this.recovered, log, {
      log,
      reason: fields.text("reason"),
      kept: fields.whole("kept", 0, Number.MAX_SAFE_INTEGER),
      missing_from: seqOrNull("missing_from"),
      missing_to: seqOrNull("missing_to"),
      memo: fields.isNull("memo") ? null : fields.head("memo"),
      at: entry.time,
    });
  }
}

/** Whom an entry of the instance's own was written for, where that is the machine's operator. */
function askerOf({ by, eventJson }: SystemEntry): string {
  const { actor } = eventJson;
  const id = by === "system" && isJsonObject(actor) && actor["type"] === "operator" && actor["id"];
  return typeof id === "string" ? id : by;
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
