/**
 * Write transactions on one kept stream of sqld. A stream is a connection to the database: opening one for each commit, as
 * the client library does, takes a millisecond, and two where the database is encrypted and the key is derived anew. Nothing
 * is kept open between transactions but that: no lock, no snapshot.
 */
import { type InStatement, LibsqlBatchError, LibsqlError } from "@libsql/client/web";
import {
  BatchCond,
  type BatchStep,
  ClientError,
  HttpServerError,
  type HttpClient,
  openHttp,
  ResponseError,
  Stmt,
  type Stream,
} from "@libsql/hrana-client";

/** sqld forgets a stream after 10 s of silence. One that rested for half of that is left to it. */
const REST_MS_MAX = 5_000;

export interface WriteStreamOptions {
  readonly url: string;
  readonly authToken: string;
  readonly fetch: typeof fetch;
}

export class WriteStream {
  readonly #client: HttpClient;
  #stream: Stream | null = null;
  #usedMs = 0;

  constructor({ url, authToken, fetch }: WriteStreamOptions) {
    this.#client = openHttp(url.replace(/^libsql:/, "https:"), authToken, fetch);
  }

  /**
   * Runs the statements as one transaction, all or nothing; one at a time. Throws `LibsqlBatchError` with the place of the
   * statement that was refused (rolled back), `LibsqlError` or what `fetch` throws where the outcome is for its cause to tell.
   */
  async transaction(statements: readonly InStatement[]): Promise<void> {
    const kept = this.#kept();
    try {
      await this.#run(kept ?? this.#open(), statements);
    } catch (error) {
      if (kept === null || !isUnknownStream(error)) throw error;
      await this.#run(this.#open(), statements);
    }
  }

  #kept(): Stream | null {
    const rested = Date.now() - this.#usedMs > REST_MS_MAX;
    return rested || this.#stream?.closed === true ? null : this.#stream;
  }

  #open(): Stream {
    this.#stream?.close();
    this.#stream = this.#client.openStream();
    return this.#stream;
  }

  async #run(stream: Stream, statements: readonly InStatement[]): Promise<void> {
    const batch = stream.batch(false);
    const steps = ["BEGIN IMMEDIATE", ...statements, "COMMIT"];
    const done: Promise<unknown>[] = [];
    let before: BatchStep | null = null;
    for (const statement of steps) {
      const step = batch.step();
      if (before !== null) step.condition(BatchCond.ok(before));
      before = step;
      done.push(step.run(hranaOf(statement)));
    }
    batch
      .step()
      .condition(BatchCond.not(BatchCond.ok(before as BatchStep)))
      .run("ROLLBACK")
      .catch(() => {});
    // The promises of steps settle with the batch; all are looked at below.
    const settled = Promise.allSettled(done);
    try {
      await batch.execute();
    } catch (error) {
      this.#drop(stream);
      throw libsqlErrorOf(error);
    }
    this.#usedMs = Date.now();
    for (const [place, step] of (await settled).entries()) {
      if (step.status === "fulfilled" && step.value !== undefined) continue;
      // A transaction that did not end well may have left the connection in one.
      this.#drop(stream);
      throw stepError(step.status === "rejected" ? step.reason : NOT_RUN, place - 1, statements);
    }
  }

  #drop(stream: Stream): void {
    stream.close();
    if (this.#stream === stream) this.#stream = null;
  }
}

const NOT_RUN = new ClientError("the statement was not run");

function hranaOf(statement: InStatement): Stmt {
  if (typeof statement === "string") return new Stmt(statement);
  const { sql, args } = statement;
  const stmt = new Stmt(sql);
  if (Array.isArray(args)) stmt.bindIndexes(args);
  return stmt;
}

/** `place`: of the statement; −1 is BEGIN, one behind the last is COMMIT, whose outcome only sqld knows. */
function stepError(error: unknown, place: number, statements: readonly InStatement[]): unknown {
  const cause = libsqlErrorOf(error);
  if (!(cause instanceof LibsqlError)) return cause;
  if (place < 0 || place >= statements.length) return cause;
  const { message, code, extendedCode, rawCode } = cause;
  const inner = cause.cause instanceof Error ? cause.cause : undefined;
  return new LibsqlBatchError(message, place, code, extendedCode, rawCode, inner);
}

/** sqld has forgotten the stream, or was started anew meanwhile: nothing of the request was run. */
function isUnknownStream(error: unknown): boolean {
  if (!(error instanceof LibsqlError) || error instanceof LibsqlBatchError) return false;
  const { cause } = error;
  if (cause instanceof ResponseError) return cause.code === "STREAM_EXPIRED";
  return cause instanceof HttpServerError && cause.status >= 400 && cause.status < 500;
}

/** The words that the client library has for them. */
function libsqlErrorOf(error: unknown): unknown {
  if (!(error instanceof ClientError)) return error;
  const code = error instanceof ResponseError ? error.code : undefined;
  const word = error instanceof HttpServerError ? "SERVER_ERROR" : "UNKNOWN";
  return new LibsqlError(error.message, code ?? word, undefined, undefined, error);
}
