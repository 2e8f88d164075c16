/**
 * The search tables. They only propose: what a search gives is read as lines and compared with the leaves, so nothing here has to be
 * believed, and all of it can be made anew from the lines.
 *
 *   log     which number a log has here, up to which seq the tables have looked, the leaf before that; a log that begins anew
 *           gets another number, and what lies under the old one is never looked at again
 *   doc     one row an entry: what counts of few entries are made of. `target` is the first, `more` a JSON list of the others
 *   mark    the time of every 256th entry: from a time to a seq
 *   word    the inverted index (FTS5): which entries have a term (`terms.ts`). It is written like a log and merged, so that
 *           values without number cost no random writes
 *   tally   how often each value occurs in a log, as long as they are not too many
 *   run     the values of some thousand entries side by side (`run.ts`): what counts of many entries are made of. Of the last
 *           entries of a log, from `runs` on, there is none yet
 *   block   up to 16 lines, compressed: a hit is given without reading its whole chunk
 *
 * Rows are numbered `log number · 2^36 + seq`.
 */

export const SCHEMA = 2;

/** 68 thousand million entries a log, and 131,071 logs, within the 53 bits of a double. */
export const LOG_SPAN = 2 ** 36;

/** From a mark to an entry is a walk over so many short rows at most. */
export const MARK_EVERY = 256;

/** Beyond so many values of a log a field is counted from the inverted index: an upsert for each would write pages at random. */
export const TALLY_VALUES_MAX = 100_000;

export const TABLES: readonly string[] = [
  "word_terms",
  "word",
  "doc",
  "mark",
  "tally",
  "run",
  "block",
  "log",
];

export const CREATE: readonly string[] = [
  "CREATE TABLE log (number INTEGER PRIMARY KEY, name TEXT UNIQUE, next INTEGER NOT NULL, leaf TEXT NOT NULL, untallied INTEGER NOT NULL, runs INTEGER NOT NULL) STRICT",
  "CREATE TABLE doc (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, action TEXT NOT NULL, actor TEXT NOT NULL, outcome TEXT, target TEXT, more TEXT) STRICT",
  "CREATE TABLE mark (log INTEGER NOT NULL, time INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (log, time, id)) STRICT, WITHOUT ROWID",
  "CREATE TABLE tally (log INTEGER NOT NULL, field INTEGER NOT NULL, value TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (log, field, value)) STRICT, WITHOUT ROWID",
  "CREATE TABLE run (id INTEGER PRIMARY KEY, entries INTEGER NOT NULL, data BLOB NOT NULL) STRICT",
  "CREATE TABLE block (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT",
  `CREATE VIRTUAL TABLE word USING fts5(terms, content='', columnsize=0, detail='none', tokenize="ascii tokenchars '_'")`,
  "CREATE VIRTUAL TABLE word_terms USING fts5vocab(word, 'row')",
  `PRAGMA user_version = ${SCHEMA}`,
];
