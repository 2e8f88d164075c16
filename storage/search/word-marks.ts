/** Which entries of a range have some words, run by run. The inverted index is read from its beginning for each read: so in few large ones. */
import type { Connection } from "../index/connection.ts";
import { textOf } from "../index/row.ts";
import type { SeqRange } from "./find.ts";
import type { Run } from "./run.ts";
import { idOf, type SearchLog } from "./tables.ts";

/** Entries of one read, at most 12 digits each: of sqld's 10 MB an answer. */
const READ_ENTRIES = 400_000;

const PLACES = `SELECT json_group_array(id - ?1) AS places FROM
  (SELECT rowid AS id FROM word WHERE word MATCH ?4 AND rowid >= ?2 AND rowid < ?3 ORDER BY rowid LIMIT ${READ_ENTRIES})`;

export class WordMarks {
  readonly #connection: Connection;
  readonly #log: SearchLog;
  readonly #match: string;
  /** What is not read yet. */
  #from: number;
  readonly #to: number;
  #seqs: number[] = [];
  #at = 0;

  constructor(connection: Connection, log: SearchLog, match: string, { from, to }: SeqRange) {
    this.#connection = connection;
    this.#log = log;
    this.#match = match;
    this.#from = from;
    this.#to = to;
  }

  /** 1 at each entry of the run that has the words. To be called for runs in order. */
  async of({ first, count }: Run): Promise<Uint8Array> {
    const marks = new Uint8Array(count);
    const end = first + count;
    for (;;) {
      for (; this.#at < this.#seqs.length && this.#seqs[this.#at]! < end; this.#at++) {
        marks[this.#seqs[this.#at]! - first] = 1;
      }
      if (this.#at < this.#seqs.length || this.#from >= this.#to) return marks;
      await this.#read();
    }
  }

  async #read(): Promise<void> {
    const log = this.#log;
    const bounds = [idOf(log, 0), idOf(log, this.#from), idOf(log, this.#to)];
    const args = [...bounds, this.#match];
    const { rows } = await this.#connection.read(() =>
      this.#connection.client.execute({ sql: PLACES, args }),
    );
    this.#seqs = JSON.parse(textOf(rows[0], "places")) as number[];
    this.#at = 0;
    const isLast = this.#seqs.length < READ_ENTRIES;
    this.#from = isLast ? this.#to : this.#seqs.at(-1)! + 1;
  }
}
