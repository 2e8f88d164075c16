/** The Durable Object that keeps the page's sessions: one place, so a link is taken once whatever number of workers there is. */
import { DurableObject } from "cloudflare:workers";
import { encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import { sha256 } from "../../storage/log/hash.ts";
import { textOf, type Env } from "../env.ts";
import { SessionBook, type SessionRecord, type SessionStore } from "./book.ts";

export class PageSessions extends DurableObject<Env> implements SessionStore {
  readonly #book: SessionBook;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    // The supervisor makes the operator's secret anew at each start; on an edge it is changed to sign everybody out.
    const epoch = sha256(encodeUtf8(`sessions of ${textOf(env, "INDELIBLE_OPERATOR_SECRET")}`));
    const { storage } = ctx;
    const records = {
      get: (key: string) => storage.get<SessionRecord>(key),
      put: (key: string, record: SessionRecord) => storage.put(key, record),
      delete: (key: string) => storage.delete(key),
      list: (options: { readonly prefix: string }) => storage.list<SessionRecord>(options),
    };
    this.#book = new SessionBook(records, toHex(epoch));
  }

  addLink(link: string, tokens: readonly string[], nowMs: number) {
    return this.#book.addLink(link, tokens, nowMs);
  }

  takeLink(link: string, nowMs: number) {
    return this.#book.takeLink(link, nowMs);
  }

  add(session: string, tokens: readonly string[], nowMs: number) {
    return this.#book.add(session, tokens, nowMs);
  }

  find(session: string, nowMs: number) {
    return this.#book.find(session, nowMs);
  }

  end(session: string) {
    return this.#book.end(session);
  }

  list(nowMs: number) {
    return this.#book.list(nowMs);
  }
}

/** There is one, whatever the number of workers. */
const NAME = "0";

/** The sessions for one request: a stub belongs to the request that made it. */
export function sessionsOf(env: Env): SessionStore {
  return env.PAGE_SESSIONS.get(env.PAGE_SESSIONS.idFromName(NAME)) as unknown as SessionStore;
}
