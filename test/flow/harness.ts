/**
 * An instance on parts in memory that can be killed at any call and started again. `check` looks at all of it from
 * outside; every test here ends its steps with it. Time stands still unless a test moves it, and pauses pass a
 * hundred times faster.
 */
import { createHash, randomBytes } from "node:crypto";
import { afterEach } from "node:test";
import { nodeGzip } from "../../storage/gzip.ts";
import { newKeyPairSigner, seedSigner, webCryptoVerify } from "../../storage/keys.ts";
import { toHex } from "../../storage/log/bytes.ts";
import { logOfOrigin, logOrigin, parseCheckpoint } from "../../storage/log/checkpoint.ts";
import { parseEvent } from "../../storage/log/event.ts";
import type { Head } from "../../storage/log/hash.ts";
import { encodeJson, parseJson, type Json } from "../../storage/log/json.ts";
import { Administration } from "../../storage/flow/administration.ts";
import type { NewEvent } from "../../storage/flow/append.ts";
import type { Appended } from "../../storage/flow/appender.ts";
import { Ledger } from "../../storage/flow/ledger.ts";
import { Refusal } from "../../storage/flow/refusal.ts";
import type { Settings } from "../../storage/flow/state.ts";
import type { Memo, Signer } from "../../storage/ports.ts";
import { MemoryIndex } from "../index/memory-index.ts";
import { MemoryVault } from "../vault/memory-vault.ts";
import { checkAll, type Promised, type Signed } from "./check.ts";
import { Gate, type Call, type Fault } from "./gate.ts";
import { endPauses, hastenPauses } from "./pauses.ts";

export const ORIGIN = "audit.example.org";
export const START_MS = Date.parse("2026-03-01T00:00:00.000Z");

const verify = webCryptoVerify();
const logKey = await seedSigner(new Uint8Array(32).fill(7));

/** Also where a test failed: nothing goes on behind it. */
const worlds = new Set<World>();
afterEach(() => {
  for (const world of worlds) world.crash();
  worlds.clear();
});

export interface WorldOptions {
  readonly logs?: readonly string[];
  readonly settings?: Partial<Settings>;
}

export interface Report {
  readonly level: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

export class World {
  nowMs = START_MS;
  index = new MemoryIndex();
  vault = new MemoryVault();
  /** What the ledger's own disk holds; null: it has never been written. */
  memo: Map<string, Head> | null = null;
  /** Promises still to be kept, and signatures that still have to hold. */
  promised: Promised[] = [];
  signed: Signed[] = [];
  readonly reports: Report[] = [];
  /** Times for which the ledger asked to be woken. */
  alarms: number[] = [];
  readonly logs: readonly string[];
  readonly settings: Settings;
  /** With what the next processes are configured. */
  rules = { twoPerson: false, approvalHours: 24 };
  #approvals = 0;
  readonly #late: ConstructorParameters<typeof Gate>[0] = [];
  #gates: Gate[] = [];
  #events = 0;

  constructor({ logs = ["a", "b"], settings = {} }: WorldOptions = {}) {
    hastenPauses();
    worlds.add(this);
    this.logs = logs;
    const limits = { sealSeconds: 300, sealEntries: 1e9, sealBytes: 32 * 1024 * 1024 };
    this.settings = { origin: ORIGIN, ...limits, ...settings };
    this.vault.clock = () => this.nowMs;
  }

  /** A new process on what is there. Its faults come from `faults` from the first call on. */
  async start(faults: (call: Call) => Fault | undefined = () => undefined): Promise<Process> {
    const gate = new Gate(this.#late);
    gate.fault = faults;
    this.#gates.push(gate);
    const receiptKey = await newKeyPairSigner();
    const start = async () => {
      const ledger = await Ledger.start(
        {
          index: gate.index(() => this.index),
          vault: gate.vault(() => this.vault),
          memo: gate.memo(() => this.#memoPart),
          logKey: this.#watched(logKey),
          receiptKey: this.#watched(receiptKey),
          clock: { nowMs: () => this.nowMs },
          alarm: {
            at: async (timeMs) => {
              if (!gate.dead) this.alarms.push(timeMs);
            },
          },
          gzip: nodeGzip,
          sha256: (data) => new Uint8Array(createHash("sha256").update(data).digest()),
          verify,
          randomBytes: (length) => new Uint8Array(randomBytes(length)),
          report: (level, message, fields = {}) => {
            if (!gate.dead) this.reports.push({ level, message, fields });
          },
        },
        this.settings,
        { publishKeys: async () => {} },
      );
      ledger.sealingForbidden = null;
      await ledger.openAll();
      const administration = new Administration(ledger, {
        ...this.rules,
        newId: () => `approval${(this.#approvals += 1)}`,
        nowMs: () => this.nowMs,
      });
      const first = {
        origin: ORIGIN,
        systemRetentionDays: 400,
        logs: this.logs.map((log) => ({
          log,
          retention_days: 30,
          description: "",
          public: false,
        })),
        tokens: [],
      };
      await administration.bootstrap(first).catch((error: unknown) => {
        // An index that lost its first entries and a memo that knows them.
        if (!(error instanceof Refusal) || error.code !== "frozen") throw error;
      });
      return new Process(this, ledger, administration, gate);
    };
    return orDeath(gate, start());
  }

  /** Kills every process; what was on its way may still arrive. */
  crash(): void {
    for (const gate of this.#gates) gate.kill();
    this.#gates = [];
    endPauses();
  }

  /** What was sent and not answered reaches index and vault. */
  async arrive(prefix = ""): Promise<void> {
    await new Gate(this.#late).arrive(prefix);
  }

  /** What was sent and not answered never gets there. */
  drop(): void {
    this.#late.length = 0;
  }

  /** An event nobody sent before; the same `n` gives the same event. */
  event(fields: { id?: string; n?: number; text?: string } = {}): NewEvent {
    this.#events += 1;
    const { id, n = this.#events, text = "" } = fields;
    const details: { [name: string]: Json } = { once: n, text };
    const event = { action: "test.done", actor: { id: "tester" }, details };
    return parseEvent(parseJson(encodeJson(id === undefined ? event : { ...event, id })));
  }

  /**
   * Throws where anything is not as it must be. What goes on in the background may pass between two looks, so who finds
   * a fault looks again: what is wrong stays wrong.
   */
  async check(): Promise<void> {
    for (let looks = 1; ; looks += 1) {
      try {
        return await this.#look();
      } catch (error) {
        if (looks === 3) throw error;
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
    }
  }

  #look(): Promise<void> {
    return checkAll({
      index: this.index,
      vault: this.vault,
      origin: ORIGIN,
      promised: this.promised,
      signed: this.signed,
      verify,
      logVkey: async (log) => (await logKey.signer(logOrigin(ORIGIN, log))).vkey,
    });
  }

  /** The index went back: what was promised beyond it (or beyond `sizes`) is lost, and nobody can keep it. */
  forgive(sizes?: ReadonlyMap<string, number>): void {
    const size = (log: string) => sizes?.get(log) ?? this.index.store.heads.get(log)?.size ?? 0;
    this.promised = this.promised.filter(({ log, seq }) => seq < size(log));
    this.promised = this.promised.filter((one) => one.size <= size(one.log));
    this.signed = this.signed.filter((one) => one.size <= size(one.log));
  }

  get #memoPart(): Memo {
    return {
      load: async () => (this.memo === null ? null : new Map(this.memo)),
      store: async (heads) => {
        this.memo = new Map(heads);
      },
    };
  }

  #watched(keys: Signer): Signer {
    return {
      signer: async (name) => {
        const signer = await keys.signer(name);
        return {
          vkey: signer.vkey,
          sign: async (message) => {
            const { origin, size, root } = parseCheckpoint(Buffer.from(message).toString());
            const log = logOfOrigin(origin);
            this.signed.push({ vkey: signer.vkey, log, size, root: toHex(root) });
            return signer.sign(message);
          },
        };
      },
    };
  }
}

/** A ledger while it lives. */
export class Process {
  readonly world: World;
  readonly ledger: Ledger;
  readonly administration: Administration;
  readonly gate: Gate;

  constructor(world: World, ledger: Ledger, administration: Administration, gate: Gate) {
    this.world = world;
    this.ledger = ledger;
    this.administration = administration;
    this.gate = gate;
  }

  /** Appends, and remembers what was promised. Throws `Died` if the process does not live to answer. */
  async append(log: string, events: readonly NewEvent[], by = "token:t"): Promise<Appended> {
    const appended = await orDeath(this.gate, this.ledger.append({ log, by, events }));
    const vkey = await this.ledger.receiptVkey(log);
    appended.places.forEach(({ seq, hash }, at) => {
      const { size, checkpoint } = appended;
      const event = (events[at] as NewEvent).text;
      this.world.promised.push({ log, seq, hash, event, size, checkpoint, vkey });
    });
    return appended;
  }

  seal(log: string) {
    return orDeath(this.gate, this.ledger.seal(log));
  }

  alive<T>(work: Promise<T>): Promise<T> {
    return orDeath(this.gate, work);
  }

  size(log: string): number {
    return this.ledger.state(log)?.head.size ?? -1;
  }

  sealed(log: string): number {
    return this.ledger.state(log)?.sealed.size ?? -1;
  }
}

/** The process was killed while somebody waited for it. */
export class Died extends Error {}

async function orDeath<T>(gate: Gate, work: Promise<T>): Promise<T> {
  work.catch(() => {});
  return Promise.race([
    work,
    gate.died.then(() => {
      throw new Died("the process died");
    }),
  ]);
}

/** Fails the call that `name` says, the `at`-th of them (from 1), once. */
export function once(name: string, fault: Fault, at = 1) {
  let left = at;
  return (call: Call): Fault | undefined => {
    if (call.name !== name) return undefined;
    left -= 1;
    return left === 0 ? fault : undefined;
  };
}

/** Waits until something holds: what it waits for happens in the background. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  for (let tries = 0; !holds(); tries += 1) {
    if (tries > 2_000) throw new Error(`it never came: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
    if (tries > 200) await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
