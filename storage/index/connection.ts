/**
 * One database behind hrana over HTTP: requests with a deadline, writes one at a time, SQLITE_BUSY
 * tried again, and every failure as an `IndexError` that says whether a write may have happened.
 * Works in workerd and in Node; nothing is sent before the first call.
 */
import {
  type Client,
  createClient,
  type InStatement,
  LibsqlBatchError,
  LibsqlError,
} from "@libsql/client/web";
import { drizzle } from "drizzle-orm/libsql/web";
import { IndexError } from "../ports.ts";
import { Mutex } from "./mutex.ts";
import { WriteStream } from "./write-stream.ts";

export interface LibsqlOptions {
  /** `http(s)://host:port` as it stands; sqld takes the namespace from the host's first label. */
  readonly url: string;
  readonly authToken: string;
  /** `globalThis.fetch` unless given. */
  readonly fetch?: typeof fetch;
}

/** sqld gives up on a transaction after 5 s; four of those may stand before a write. */
const REQUEST_MS_MAX = 20_000;

/** A checkpoint holds the lock for some milliseconds, over a WAL of gigabytes for seconds. */
const BUSY_MS_MAX = 5_000;
const BUSY_PAUSE_MS_MIN = 3;
const BUSY_PAUSE_MS_MAX = 50;

export class Connection {
  readonly client: Client;
  readonly db: ReturnType<typeof drizzle>;
  readonly #stream: WriteStream;
  /** sqld livelocks under several concurrent writers: what writes through here waits its turn. */
  readonly #writers = new Mutex();

  constructor(options: LibsqlOptions) {
    const { url, authToken } = options;
    const fetch = boundedFetch(options.fetch ?? globalThis.fetch.bind(globalThis));
    this.client = createClient({ url, authToken, fetch });
    this.#stream = new WriteStream({ url, authToken, fetch });
    this.db = drizzle(this.client);
  }

  /** Runs a write (one batch, all or nothing) alone. Its IndexError's outcome is about this write. */
  write<T>(work: () => Promise<T>): Promise<T> {
    return this.#writers.run(() => attempt(work, writeError));
  }

  /** A write that comes again and again, on a connection that is kept. */
  transaction(statements: readonly InStatement[]): Promise<void> {
    return this.write(() => this.#stream.transaction(statements));
  }

  /** Runs a read beside whatever else runs. */
  read<T>(work: () => Promise<T>): Promise<T> {
    return attempt(work, (error) => asIndexError(error, "nothing"));
  }
}

/** SQLITE_BUSY is a clean rollback, so trying again is safe whatever the work was. */
async function attempt<T>(
  work: () => Promise<T>,
  asError: (error: unknown) => unknown,
): Promise<T> {
  const endMs = Date.now() + BUSY_MS_MAX;
  let pauseMs = BUSY_PAUSE_MS_MIN;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error) || Date.now() >= endMs) throw asError(error);
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    pauseMs = Math.min(2 * pauseMs, BUSY_PAUSE_MS_MAX);
  }
}

/** The error of the client library beneath what drizzle wraps around it (with the parameters: lines). */
function libsqlError(error: unknown): unknown {
  if (error instanceof LibsqlError || !(error instanceof Error)) return error;
  return error.cause instanceof LibsqlError ? error.cause : error;
}

function isBusy(error: unknown): boolean {
  const cause = libsqlError(error);
  return cause instanceof LibsqlError && cause.code === "SQLITE_BUSY";
}

/** A statement of a batch that the database refused by a constraint or a trigger: its place, else null. */
export function refusedStatement(error: unknown): number | null {
  const cause = libsqlError(error);
  if (!(cause instanceof LibsqlBatchError)) return null;
  return cause.code === "SQLITE_CONSTRAINT" ? cause.statementIndex : null;
}

/** Constraint failures go to the caller as they are; whoever expects none turns them into an IndexError. */
function writeError(error: unknown): unknown {
  if (refusedStatement(error) !== null) return error;
  return asIndexError(error, certainlyNothing(libsqlError(error)) ? "nothing" : "unknown");
}

export function asIndexError(error: unknown, outcome: IndexError["outcome"]): IndexError {
  const cause = libsqlError(error);
  if (cause instanceof IndexError) {
    return cause.outcome === outcome ? cause : new IndexError(cause.message, outcome, { cause });
  }
  return new IndexError(`the index did not answer as it should: ${describe(cause)}`, outcome, {
    cause,
  });
}

/**
 * True where no write can have happened: a statement of the batch failed (COMMIT is conditioned on
 * all of them), the lock was not to be had, sqld refused the request, or it never reached anybody.
 */
function certainlyNothing(error: unknown): boolean {
  if (error instanceof LibsqlBatchError || isBusy(error)) return true;
  const status = httpStatus(error);
  if (status !== null) return status >= 400 && status < 500;
  return NEVER_CONNECTED.has(causeProperty(error, "code"));
}

/** How Node says so. workerd does not tell a refused connection from a lost one: unknown. */
const NEVER_CONNECTED = new Set<unknown>([
  ...["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"],
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** The HTTP status by which sqld refused a request as a whole (401, 403, 404 …), else null. */
export function httpStatus(error: unknown): number | null {
  const inner = error instanceof IndexError ? error.cause : error;
  const status = causeProperty(inner, "status");
  return typeof status === "number" ? status : null;
}

function causeProperty(error: unknown, name: string): unknown {
  const cause = error instanceof Error ? error.cause : undefined;
  return (cause as Record<string, unknown> | undefined)?.[name];
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = causeProperty(error, "code");
  return typeof code === "string" && !error.message.includes(code)
    ? `${error.message} (${code})`
    : error.message;
}

/**
 * The whole answer within the deadline; uncompressed, which between neighbours only costs time. The
 * client always passes a Request of its own, so its headers may be changed.
 */
function boundedFetch(base: typeof fetch): typeof fetch {
  return async (input, init) => {
    const request = input instanceof Request && !init ? input : new Request(input, init);
    request.headers.set("accept-encoding", "identity");
    const abort = new AbortController();
    const timer = setTimeout(() => {
      abort.abort(new Error(`no answer within ${REQUEST_MS_MAX} ms`));
    }, REQUEST_MS_MAX);
    try {
      const response = await base(request, { signal: abort.signal });
      const body = await response.arrayBuffer();
      return new Response(body, { status: response.status, headers: response.headers });
    } finally {
      clearTimeout(timer);
    }
  };
}
