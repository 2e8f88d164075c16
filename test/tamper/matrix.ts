/**
 * What is done to a guarded instance, row by row, and by what its finding is known. Each log has batches of three entries at 0, 3,
 * 6, …; several acts share a log where they aim at batches of their own.
 */
import { rm } from "node:fs/promises";
import { damageFile } from "../../scripts/tamper-demo/acts.ts";
import { cutTail, editLine, execute, forgeFrom } from "../../scripts/tamper-demo/index-file.ts";
import { slotName } from "../../storage/log/batch.ts";
import type { Attacker } from "./acts.ts";
import type { Finding } from "../../storage/log/findings.ts";

export const BATCHES = 6;

/** Logs that are made; `promised` and `unsealed` have three more entries, under no seal. */
export const LOGS = {
  made: [
    ...["chain", "index", "promised", "quiet"],
    ...["spoiled", "stolen", "swapped", "tail", "unsealed", "vault", "wiped"],
  ],
  unsealed: ["promised", "unsealed"],
  /** To which nothing is done. */
  quiet: "quiet",
} as const;

export interface Act {
  /** What is done, and to which log; null: to the instance as a whole. */
  readonly what: string;
  readonly log: string | null;
  readonly commit: (attacker: Attacker) => Promise<unknown> | void;
  /** Codes of which one must be found, at a place that is named. */
  readonly codes: readonly string[];
  readonly place: (found: Finding) => boolean;
}

const END = 3 * BATCHES;
const at = (seq: number) => (found: Finding) => found.first === seq && found.last === seq;
const from = (seq: number) => (found: Finding) => found.first === seq;
const object = (key: string) => (found: Finding) => found.object === key;
const version = (key: RegExp) => (found: Finding) =>
  key.test(found.object ?? "") && found.version !== null;

const INDEX_ACTS: readonly Act[] = [
  {
    ...{ what: "an entry is edited", log: "index" },
    commit: ({ file }) => editLine(file, "index", 1, '"alice"', '"mallo"'),
    ...{ codes: ["entry_altered"], place: at(1) },
  },
  {
    ...{ what: "an entry is edited and every hash behind it made anew", log: "chain" },
    commit: ({ file }) => forgeFrom(file, "chain", 4, '"alice"', '"mallo"'),
    ...{ codes: ["entry_altered"], place: from(4) },
  },
  {
    ...{ what: "entries are removed from the middle", log: "index" },
    commit: (attacker) => attacker.sql("DELETE FROM chunk WHERE log = 'index' AND first = 6"),
    ...{ codes: ["entry_missing"], place: from(6) },
  },
  {
    ...{ what: "the record of a seal is edited", log: "index" },
    commit: (attacker) => {
      const digest = "ab".repeat(32);
      attacker.sql(`UPDATE seal SET sha256 = '${digest}' WHERE log = 'index' AND first = 12`);
    },
    ...{ codes: ["batch_altered"], place: from(12) },
  },
  {
    ...{ what: "a row is put across another, for who asks for that entry alone", log: "index" },
    commit: (attacker) => attacker.putAcross("index", 16),
    ...{ codes: ["entry_altered"], place: at(16) },
  },
  {
    ...{ what: "the date of a seal is edited", log: "index" },
    commit: (attacker) => {
      const date = "2020-01-01T00:00:00.000Z";
      attacker.sql(`UPDATE seal SET sealed_at = '${date}' WHERE log = 'index' AND first = 9`);
    },
    ...{ codes: ["batch_altered"], place: from(9) },
  },
  {
    ...{ what: "the head of a log that nobody made is put beside the others", log: "ghost" },
    commit: (attacker) =>
      attacker.sql(
        "INSERT INTO head SELECT 'ghost', size, leaf, frontier, time FROM head WHERE log = 'quiet'",
      ),
    ...{ codes: ["log_unknown"], place: object("the index") },
  },
  {
    ...{ what: "rows of a log without a head are put beside the others", log: "nobody" },
    commit: (attacker) =>
      attacker.sql("INSERT INTO node (log, level, n, hash) VALUES ('nobody', 1, 0, zeroblob(32))"),
    ...{ codes: ["index_altered"], place: object("table node") },
  },
  {
    ...{ what: "sealed entries are cut off, as by an old backup", log: "tail" },
    commit: ({ file }) => cutTail(file, "tail", 6),
    ...{ codes: ["index_behind"], place: from(6) },
  },
  {
    ...{ what: "acknowledged entries are cut off before their seal", log: "promised" },
    commit: ({ file }) => cutTail(file, "promised", END),
    ...{ codes: ["index_behind"], place: from(END) },
  },
  {
    ...{ what: "an entry is edited before its seal", log: "unsealed" },
    commit: ({ file }) => editLine(file, "unsealed", END + 1, '"alice"', '"mallo"'),
    ...{ codes: ["entry_altered"], place: at(END + 1) },
  },
  {
    ...{ what: "a trigger of the database is dropped", log: null },
    commit: ({ file }) => execute(file, "DROP TRIGGER chunk_update"),
    ...{ codes: ["index_altered"], place: ({ object: name }) => /chunk_update/.test(name ?? "") },
  },
];

const VAULT_ACTS: readonly Act[] = [
  {
    ...{ what: "the store's clock is moved ahead by 10 minutes", log: null },
    commit: (attacker) => attacker.moveClock(10 * 60_000),
    ...{ codes: ["clock_skew"], place: object("vault") },
  },
  {
    ...{ what: "the lock is taken off a sealed version", log: "vault" },
    commit: (attacker) => attacker.unlock("vault", 0),
    ...{ codes: ["lock_missing"], place: object(slotName("vault", 0)) },
  },
  {
    ...{ what: "another version is put on top of a batch", log: "vault" },
    commit: (attacker) => attacker.cover(slotName("vault", 3)),
    ...{ codes: ["extra_version"], place: version(/^vault\/0+3\.jsonl\.gz$/) },
  },
  {
    ...{ what: "a delete marker is put on top of a batch", log: "vault" },
    commit: (attacker) => attacker.mark(slotName("vault", 6)),
    ...{ codes: ["delete_marker"], place: object(slotName("vault", 6)) },
  },
  {
    ...{ what: "a locked version is overwritten as a replica", log: "vault" },
    commit: (attacker) => attacker.overwrite("vault", 9),
    ...{ codes: ["batch_altered", "batch_unreadable"], place: object(slotName("vault", 9)) },
  },
  {
    ...{ what: "bytes of an object are changed on the store's disk", log: "vault" },
    commit: (attacker) => damageFile(attacker.folder(slotName("vault", 12))),
    ...{ codes: ["batch_altered", "batch_unreadable"], place: object(slotName("vault", 12)) },
  },
  {
    ...{ what: "a locked version is deleted as a replica", log: "vault" },
    commit: (attacker) => attacker.destroy("vault", 15),
    ...{ codes: ["batch_missing"], place: object(slotName("vault", 15)) },
  },
  {
    ...{ what: "the folder of a log is wiped from the store's disk", log: "wiped" },
    commit: (attacker) => rm(attacker.folder("wiped"), { recursive: true }),
    ...{ codes: ["batch_missing"], place: object(slotName("wiped", 0)) },
  },
  {
    ...{
      what: "an object that was poisoned at its PUT keeps a log from being listed",
      log: "spoiled",
    },
    commit: (attacker) => attacker.poison(slotName("spoiled", END)),
    ...{ codes: ["batch_unreadable"], place: object(slotName("spoiled", END)) },
  },
  {
    ...{ what: "metadata of two objects are exchanged on the store's disk", log: "swapped" },
    commit: (attacker) => attacker.exchange(slotName("swapped", 0), slotName("swapped", 6)),
    ...{ codes: ["batch_unreadable"], place: object(slotName("swapped", 6)) },
  },
  {
    ...{ what: "a log that nobody made lies in the vault", log: "stranger" },
    commit: (attacker) => attacker.cover(slotName("stranger", 0)),
    ...{ codes: ["log_unknown"], place: ({ log }) => log === "stranger" },
  },
  {
    ...{
      what: "with the log key another end of the log is signed and put in place",
      log: "stolen",
    },
    commit: (attacker) => attacker.rewrite("stolen", END - 2, '"alice"', '"mallo"'),
    codes: ["fork"],
    place: ({ first, last }) => first !== null && first <= END - 2 && (last ?? first) >= END - 2,
  },
  {
    ...{ what: "the worker's rights are widened, so that locks do not hold", log: null },
    commit: (attacker) => attacker.widenRights(),
    ...{ codes: ["lock_not_enforced"], place: version(/^_indelible\/canary\//) },
  },
];

/** Nothing is sealed behind the last one. */
export const ACTS: readonly Act[] = [...INDEX_ACTS, ...VAULT_ACTS];

/** Whether a finding is the one that the act has to have. */
export function isFoundBy(act: Act, found: Finding): boolean {
  return found.log === act.log && act.codes.includes(found.code) && act.place(found);
}
