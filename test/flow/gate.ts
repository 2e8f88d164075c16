/**
 * Stands between a ledger and its parts: may refuse a call, lose its answer, deliver it late, or kill the
 * process right before or after it. A dead process gets no answers any more, and nothing it does arrives.
 */
import { IndexError, VaultError, type Index, type Memo, type Vault } from "../../storage/ports.ts";

/**
 * `refuse`: not done, and the caller knows. `lose`: not done, the caller cannot know. `keep`: done, the caller cannot
 * know. `late`: the caller cannot know, and it is done at `arrive`. `before`, `after`: the process dies there.
 */
export type Fault = "refuse" | "lose" | "keep" | "late" | "before" | "after";

export interface Call {
  /** `index.commit`, `vault.put` and so on. */
  readonly name: string;
  readonly args: readonly unknown[];
}

/** One process's way to the parts. */
export class Gate {
  /** Asked before each call; what it returns happens. */
  fault: (call: Call) => Fault | undefined;
  /** Resolves when the process dies. */
  readonly died: Promise<void>;
  #dead = false;
  #die: () => void = () => {};
  readonly #late: { name: string; perform: () => Promise<unknown> }[];

  /** `late` outlives the process: what is on its way arrives though nobody waits for it. */
  constructor(late: { name: string; perform: () => Promise<unknown> }[]) {
    this.#late = late;
    this.fault = () => undefined;
    this.died = new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  kill(): void {
    this.#dead = true;
    this.#die();
  }

  get dead(): boolean {
    return this.#dead;
  }

  index(index: () => Index): Index {
    const call = <A extends unknown[], R>(name: keyof Index, perform: (...args: A) => Promise<R>) =>
      this.#call(`index.${name}`, perform, unavailable);
    return {
      heads: call("heads", async () => {
        // A write transaction waits for every write that was begun.
        await this.arrive("index.");
        return index().heads();
      }),
      commit: call("commit", (chunks: Parameters<Index["commit"]>[0]) => index().commit(chunks)),
      chunks: call("chunks", (log: string, range: Parameters<Index["chunks"]>[1]) =>
        index().chunks(log, range),
      ),
      tiles: (log) =>
        call("tiles", (level: number, at: number, width: number) =>
          index().tiles(log)(level, at, width),
        ),
      events: call("events", (keys: Parameters<Index["events"]>[0]) => index().events(keys)),
      forgetEvents: call("forgetEvents", (time: string) => index().forgetEvents(time)),
      seals: call("seals", (log: string, range: Parameters<Index["seals"]>[1]) =>
        index().seals(log, range),
      ),
      addSeal: call("addSeal", (row: Parameters<Index["addSeal"]>[0]) => index().addSeal(row)),
    };
  }

  vault(vault: () => Vault): Vault {
    const call = <A extends unknown[], R>(name: keyof Vault, perform: (...args: A) => Promise<R>) =>
      this.#call(`vault.${name}`, perform, unreachable);
    const list = call("versions", async (prefix: string, after?: string) => {
      const found = [];
      for await (const version of vault().versions(prefix, after)) found.push(version);
      return found;
    });
    return {
      put: call("put", (...args: Parameters<Vault["put"]>) => vault().put(...args)),
      get: call("get", (key: string, version: string) => vault().get(key, version)),
      lock: call("lock", (key: string, version: string) => vault().lock(key, version)),
      extendLock: call("extendLock", (...args: Parameters<Vault["extendLock"]>) =>
        vault().extendLock(...args),
      ),
      async *versions(prefix, after) {
        yield* await list(prefix, after);
      },
      prefixes: call("prefixes", () => vault().prefixes()),
      nowMs: call("nowMs", () => vault().nowMs()),
    };
  }

  memo(memo: () => Memo): Memo {
    return {
      load: this.#call("memo.load", () => memo().load(), disk),
      store: this.#call(
        "memo.store",
        (heads: Parameters<Memo["store"]>[0]) => memo().store(heads),
        disk,
      ),
    };
  }

  /** What was under way reaches its part, in order. */
  async arrive(prefix = ""): Promise<void> {
    for (;;) {
      const at = this.#late.findIndex(({ name }) => name.startsWith(prefix));
      if (at < 0) return;
      const [{ perform } = { perform: async () => {} }] = this.#late.splice(at, 1);
      await perform().catch(() => {});
    }
  }

  #call<A extends unknown[], R>(
    name: string,
    perform: (...args: A) => Promise<R>,
    error: (outcome: "nothing" | "unknown") => Error,
  ): (...args: A) => Promise<R> {
    return async (...args) => {
      if (this.#dead) return forever();
      const fault = this.fault({ name, args });
      // Parts answer later, never at once.
      await Promise.resolve();
      if (fault === "before") this.kill();
      if (this.#dead) return forever();
      if (fault === "refuse") throw error("nothing");
      if (fault === "lose") throw error("unknown");
      if (fault === "late") {
        this.#late.push({ name, perform: () => perform(...args) });
        throw error("unknown");
      }
      const result = await perform(...args);
      if (fault === "after") this.kill();
      if (this.#dead) return forever();
      if (fault === "keep") throw error("unknown");
      return result;
    };
  }
}

function forever<T>(): Promise<T> {
  return new Promise(() => {});
}

const unavailable = (outcome: "nothing" | "unknown") =>
  new IndexError("the index does not answer", outcome);
const unreachable = (outcome: "nothing" | "unknown") =>
  new VaultError("vault_unreachable", "the vault does not answer", outcome);
const disk = () => new Error("the disk does not answer");
