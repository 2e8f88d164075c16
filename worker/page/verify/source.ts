/** Where a check reads from: an instance's API, or in tests whatever plays one. Nothing that comes from here is trusted. */

/** What the server says of a log. */
export interface LogFacts {
  readonly name: string;
  readonly origin: string;
  readonly vkey: string;
  readonly receiptVkey: string;
  readonly size: number;
  readonly sealedSize: number;
}

/** What the server says of a seal. */
export interface SealFacts {
  readonly first: number;
  readonly count: number;
  readonly checkpoint: string;
}

export interface LogSource {
  log(): Promise<LogFacts>;
  /** Seals in log order, beginning with the one that holds the entry `from`. */
  seals(from: number): AsyncIterable<SealFacts>;
  /** The sealed object that begins at `first`. */
  object(first: number): Promise<Uint8Array>;
  /** `count` exact lines from `from` on, a newline behind each, as the index has them. */
  lines(from: number, count: number): Promise<Uint8Array>;
  /** The newest sealed checkpoint, or the newest committed one. */
  checkpoint(committed: boolean): Promise<string>;
  consistency(from: number, to: number): Promise<Uint8Array[]>;
  receipt(seq: number): Promise<string>;
}

/** The server did not give what was asked for; `code` is its own word, or `unreachable` or `too_large`. */
export class SourceError extends Error {
  readonly code: string;
  readonly detail: string;

  constructor(code: string, detail: string) {
    super(`${code}: ${detail}`);
    this.name = "SourceError";
    this.code = code;
    this.detail = detail;
  }
}
