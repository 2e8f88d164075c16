/**
 * Runs the lock self-test (DESIGN: a lock is probed, not assumed) when the ledger starts. Until it has passed nothing is sealed;
 * entries go on being taken. A store that is away is asked again; one that fails a check is asked again too.
 */
import type { Ledger } from "../storage/flow/ledger.ts";
import { sleep } from "../storage/flow/commit.ts";
import { runLockSelfTest } from "../storage/vault/selftest.ts";
import { vaultConfigOf, type Env } from "./env.ts";
import { report } from "./report.ts";

/** The store may be starting: ask soon at first, then leave it alone. */
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 60_000;

/** A start waits this long for the test: on a store near by it takes a tenth of a second. */
const FIRST_MS_MAX = 3_000;

export class LockWatch {
  readonly #env: Env;
  readonly #ledger: Ledger;
  /** What is wrong, in words; empty when all checks that decide have passed. */
  problems: readonly string[] = ["the lock self-test has not run yet"];

  constructor(env: Env, ledger: Ledger) {
    this.#env = env;
    this.#ledger = ledger;
  }

  /** Begins, and returns after the first try, or after so long that entries should not wait for it any more. */
  async begin(): Promise<void> {
    const first = new Promise<void>((resolve) => {
      void this.#untilPassed(resolve);
    });
    await Promise.race([first, sleep(FIRST_MS_MAX)]);
  }

  async #untilPassed(tried: () => void): Promise<void> {
    for (let pauseMs = RETRY_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
      this.problems = await this.#run();
      this.#ledger.sealingForbidden = this.problems[0] ?? null;
      tried();
      if (this.problems.length === 0) break;
      await sleep(pauseMs);
    }
    await this.#ledger.sealer.runDue();
  }

  async #run(): Promise<string[]> {
    try {
      const { checks } = await runLockSelfTest(vaultConfigOf(this.#env));
      // Also those that break no lock by themselves: a store or a policy that is not as we left it is not trusted.
      const failed = checks.filter(({ ok }) => !ok);
      if (failed.length === 0) return [];
      const problems = failed.map(
        ({ number, name, detail }) => `lock_not_enforced: check ${number} (${name}): ${detail}`,
      );
      report("error", "the vault does not enforce its lock; nothing is sealed", { problems });
      return problems;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return [`the lock self-test could not run: ${reason}`];
    }
  }
}
