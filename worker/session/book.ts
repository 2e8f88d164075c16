/**
 * Sessions of the page, and links that open one. A session is a few tokens' hashes under the hash of its secret: it has no
 * rights of its own, and each request asks the ledger anew what those tokens may, so a revoked token ends it at once. What is
 * kept opens nothing: a copy of it has neither a session's secret nor a token.
 */

/** A working day; then one signs in again, whatever one did meanwhile. */
export const SESSION_MS = 12 * 60 * 60_000;
/** From the start to the click; a line in a terminal that is found later opens nothing. */
export const LINK_MS = 15 * 60_000;
/** About 300 bytes each. Who is beyond it ends the oldest one. */
export const SESSIONS_MAX = 1_000;
/** Of a link: the administrator's and that for `demo`. */
export const SESSION_TOKENS_MAX = 4;

/** Hex of SHA-256 throughout. */
export interface SessionRecord {
  readonly tokens: readonly string[];
  readonly createdAtMs: number;
  readonly endsAtMs: number;
  /** Changes with the operator's secret; sessions of another one are over. */
  readonly epoch: string;
}

/** What the HTTP side asks for. Secrets stay there; their hashes come here. */
export interface SessionStore {
  /** Opens a link that works once. */
  addLink(link: string, tokens: readonly string[], nowMs: number): Promise<void>;
  /** What the link was for, once; null for one that is used, too old, or none. */
  takeLink(link: string, nowMs: number): Promise<readonly string[] | null>;
  add(session: string, tokens: readonly string[], nowMs: number): Promise<SessionRecord>;
  find(session: string, nowMs: number): Promise<SessionRecord | null>;
  end(session: string): Promise<void>;
  /** The sessions there are, newest first, by their hash. */
  list(nowMs: number): Promise<readonly (SessionRecord & { readonly session: string })[]>;
}

/** The part of a Durable Object's storage that is used: what was put is there for whoever asks next. */
export interface Records {
  get(key: string): Promise<SessionRecord | undefined>;
  put(key: string, record: SessionRecord): Promise<void>;
  delete(key: string): Promise<boolean>;
  list(options: { readonly prefix: string }): Promise<Map<string, SessionRecord>>;
}

const SESSION = "session ";
const LINK = "link ";

export class SessionBook implements SessionStore {
  readonly #records: Records;
  readonly #epoch: string;

  constructor(records: Records, epoch: string) {
    this.#records = records;
    this.#epoch = epoch;
  }

  async addLink(link: string, tokens: readonly string[], nowMs: number): Promise<void> {
    await this.#put(LINK, link, tokens, nowMs, LINK_MS);
  }

  async takeLink(link: string, nowMs: number): Promise<readonly string[] | null> {
    const record = await this.#get(LINK + link, nowMs);
    // Of two that come at once only one takes it away.
    const isFirst = await this.#records.delete(LINK + link);
    return record !== null && isFirst ? record.tokens : null;
  }

  add(session: string, tokens: readonly string[], nowMs: number): Promise<SessionRecord> {
    return this.#put(SESSION, session, tokens, nowMs, SESSION_MS);
  }

  find(session: string, nowMs: number): Promise<SessionRecord | null> {
    return this.#get(SESSION + session, nowMs);
  }

  async end(session: string): Promise<void> {
    await this.#records.delete(SESSION + session);
  }

  async list(nowMs: number) {
    const found = await this.#records.list({ prefix: SESSION });
    return [...found]
      .filter(([, record]) => this.#holds(record, nowMs))
      .map(([key, record]) => ({ ...record, session: key.slice(SESSION.length) }))
      .sort((a, b) => b.createdAtMs - a.createdAtMs);
  }

  async #get(key: string, nowMs: number): Promise<SessionRecord | null> {
    const record = await this.#records.get(key);
    return record !== undefined && this.#holds(record, nowMs) ? record : null;
  }

  #holds({ endsAtMs, epoch }: SessionRecord, nowMs: number): boolean {
    return nowMs < endsAtMs && epoch === this.#epoch;
  }

  async #put(
    prefix: string,
    name: string,
    tokens: readonly string[],
    nowMs: number,
    lifeMs: number,
  ): Promise<SessionRecord> {
    await this.#makeRoom(prefix, nowMs);
    const record = {
      tokens: tokens.slice(0, SESSION_TOKENS_MAX),
      createdAtMs: nowMs,
      endsAtMs: nowMs + lifeMs,
      epoch: this.#epoch,
    };
    await this.#records.put(prefix + name, record);
    return record;
  }

  async #makeRoom(prefix: string, nowMs: number): Promise<void> {
    const found = [...(await this.#records.list({ prefix }))];
    const living = found.filter(([, record]) => this.#holds(record, nowMs));
    const oldestFirst = living.sort(([, a], [, b]) => a.createdAtMs - b.createdAtMs);
    const surplus = oldestFirst.slice(0, Math.max(0, living.length - SESSIONS_MAX + 1));
    const over = found.filter(([, record]) => !this.#holds(record, nowMs));
    for (const [key] of [...over, ...surplus]) await this.#records.delete(key);
  }
}
