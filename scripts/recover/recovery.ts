/**
 * A recovery on the local data folder: the old index is read through the sqld that runs on it, the new one is built by a
 * second sqld in a folder beside it, and then the folders change places. A crash before that leaves all as it was; one
 * after it is finished by the next start.
 */
import { existsSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { assess, type Assessment } from "../../storage/flow/recover-assess.ts";
import {
  finish,
  keptDirectory,
  rebuild,
  RecoveryRefused,
  retentionDays,
} from "../../storage/flow/recover.ts";
import type { NewEvent } from "../../storage/flow/append.ts";
import { refill } from "../../storage/flow/refill.ts";
import { EMPTY_HEAD } from "../../storage/flow/chunk.ts";
import type { Parts, Settings } from "../../storage/flow/state.ts";
import { LibsqlIndex } from "../../storage/index/index.ts";
import { migrate } from "../../storage/index/migrate.ts";
import { SYSTEM_LOG } from "../../storage/log/entry.ts";
import { ZERO_HASH, type Head } from "../../storage/log/hash.ts";
import { keyAnnounced, type Directory } from "../../storage/log/system.ts";
import type { IndexHead } from "../../storage/ports.ts";
import type { DataFolder } from "../parts/data-folder.ts";
import { openOffline, type Offline, type OfflineTools } from "../parts/offline-ledger.ts";
import { makeSqldKeys, sqldPorts, startSqldServer } from "../parts/sqld.ts";
import type { Say, Stores } from "../parts/stores.ts";
import type { Owner } from "../restore/owner.ts";
import type { NewLogKey } from "./new-log-key.ts";

export interface RecoveryTools extends OfflineTools {
  /** Where a lost log key is replaced; else the log key of the data folder signs. */
  readonly newLogKey?: NewLogKey;
}

/** What `log.recovered` gives as the reason where nothing but the log key was lost. */
const LOG_KEY_REPLACED = "log_key_replaced";

export class Recovery {
  readonly #stores: Stores;
  readonly #data: DataFolder;
  readonly #owner: Owner;
  readonly #parts: Parts;
  readonly #settings: Settings;
  readonly #say: Say;
  readonly #newLogKey: NewLogKey | null;
  #directory: Directory | null = null;

  static async open(stores: Stores, data: DataFolder, tools: RecoveryTools): Promise<Recovery> {
    if (stores.index.dir === null) {
      throw new RecoveryRefused(
        "Recovery builds a new database, which it can do for the local sqld only. With a server of your own: " +
          "keep its database aside, make an empty one, and run npm run restore on that.",
      );
    }
    const { newLogKey = null } = tools;
    const offline = await openOffline(stores, data, tools, newLogKey?.owner);
    return new Recovery(stores, data, offline, newLogKey, tools.say);
  }

  private constructor(
    stores: Stores,
    data: DataFolder,
    offline: Offline,
    newLogKey: NewLogKey | null,
    say: Say,
  ) {
    this.#stores = stores;
    this.#newLogKey = newLogKey;
    this.#data = data;
    this.#owner = offline.owner;
    this.#parts = offline.parts;
    this.#settings = offline.settings;
    this.#say = say;
  }

  /** All logs, `_system` first. The one that was named is read whole, whatever the comparison says. */
  async assess(named: string | null): Promise<Assessment[]> {
    const heads = await this.#parts.index.heads();
    const memo = await this.#parts.memo.load();
    const one = (log: string, retired: { memo: Head | null; kept: number }[]) => {
      const head = heads.get(log) ?? EMPTY_HEAD;
      const last = memo === null ? null : (memo.get(log) ?? { size: 0, leaf: ZERO_HASH });
      const newLogKey = this.#newLogKey !== null;
      const query = { log, head, memo: last, retired, newLogKey };
      return assess(this.#parts, this.#settings, query, newLogKey || log === named);
    };
    const assessments = [await one(SYSTEM_LOG, [])];
    const { kept } = assessments[0] as Assessment;
    this.#directory = await keptDirectory(this.#parts, this.#settings, kept);
    const { logs, recovered } = this.#directory;
    const names = new Set([...logs.keys(), ...heads.keys()]);
    names.delete(SYSTEM_LOG);
    for (const log of [...names].sort()) {
      assessments.push(await one(log, recovered.get(log) ?? []));
    }
    if (named !== null && !assessments.some(({ log }) => log === named)) {
      throw new RecoveryRefused(`There is no log ${named}.`);
    }
    return assessments;
  }

  /** What `_system` says as it is kept; there once the logs were assessed. */
  get directory(): Directory {
    return this.#directory as Directory;
  }

  /** Recovers the chosen logs; returns where the old index is now, and the heads that lie under lock. */
  async run(
    all: readonly Assessment[],
    chosen: readonly Assessment[],
  ): Promise<{ aside: string; heads: ReadonlyMap<string, IndexHead> }> {
    const { directory } = this;
    for (const { refill: lost } of chosen) {
      for (const { row, before } of lost) {
        this.#say(`Putting ${row.key} again.`);
        const days = retentionDays(directory, row.log);
        await refill(this.#parts, this.#settings, row, before, days);
      }
    }
    const asked = this.#newLogKey === null ? "requested" : LOG_KEY_REPLACED;
    const logs = all.map((assessment) => ({
      ...{ assessment, recover: chosen.includes(assessment), asked },
      announce: assessment.log === SYSTEM_LOG ? this.#announcements(directory) : [],
    }));
    await this.#newLogKey?.keep();
    const building = this.#data.path("libsql.recovering");
    await rm(building, { recursive: true, force: true });
    const recovered = await this.#build(building, logs);
    const aside = await this.#exchange(building);
    const heads = await finish(this.#parts, this.#settings, recovered, directory);
    // What lies under lock now was seen committed; the memo that stood there is named as retired.
    await this.#parts.memo.store(heads);
    return { aside, heads };
  }

  /** The new log key of each log, where a run that was cut has not said it already. */
  #announcements({ logs, keys }: Directory): NewEvent[] {
    const newLogKey = this.#newLogKey;
    if (newLogKey === null) return [];
    const announced = (log: string, vkey: string) =>
      keys.get(log)?.some((key) => key.vkey === vkey) === true;
    return [...logs.keys()]
      .map((log) => ({ log, use: "log", vkey: newLogKey.vkey(log) }) as const)
      .filter(({ log, vkey }) => !announced(log, vkey))
      .map((key) => keyAnnounced(key));
  }

  async #build(dir: string, logs: Parameters<typeof rebuild>[3]) {
    this.#say("Building the new index.");
    const keys = await makeSqldKeys();
    const { part, url } = await startSqldServer({
      ...{ dir, keys, ports: await sqldPorts() },
      encryptionKey: this.#stores.index.encryptionKey,
      onSpawn: (started) => this.#data.recordPart("sqldRecovering", started.pid),
    });
    try {
      await migrate({ url, authToken: keys.ddlToken });
      const next = new LibsqlIndex({ url, authToken: keys.authToken });
      const { origin, keysOf } = this.#owner;
      const options = { origin, keysOf, onBatch: () => {} };
      return await rebuild(this.#parts, next, options, logs);
    } finally {
      await part.stop();
    }
  }

  /** Stops the sqld on the old folder, and starts it on the new one in its place. */
  async #exchange(building: string): Promise<string> {
    const dir = this.#stores.index.dir as string;
    const sqld = this.#stores.parts.find(({ name }) => name === "sqld");
    if (sqld === undefined) throw new Error("the local sqld is not among the parts");
    await sqld.part.stop();
    const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
    const aside = `${dir}.before-recover-${time}`;
    if (existsSync(aside)) throw new RecoveryRefused(`${aside} is there already.`);
    // Between the two there is no index: whoever finds it so puts `libsql.recovering` in its place by hand.
    await rename(dir, aside);
    await rename(building, dir);
    await syncFolder(dirname(dir));
    this.#restarted = await sqld.start();
    return aside;
  }

  #restarted: Awaited<ReturnType<Stores["parts"][number]["start"]>> | null = null;

  /** Ends what was started here; the stores end the rest. */
  async close(): Promise<void> {
    await this.#restarted?.stop();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
