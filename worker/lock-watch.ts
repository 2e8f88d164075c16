/**
 * Runs the lock self-test (a lock is probed, not assumed) when the ledger starts, and again every hour. Until it has passed, and
 * from a failure on, nothing is sealed; entries go on being taken. A store that is away proves nothing: what was found
 * before goes on holding, and it is asked again soon. So is one that fails a check.
 */
import { encodeUtf8 } from "../storage/log/bytes.ts";
import { newFinding, type Finding } from "../storage/log/findings.ts";
import type { Ledger } from "../storage/flow/ledger.ts";
import { sleep } from "../storage/flow/commit.ts";
import {
  runAdministratorTest,
  runLockSelfTest,
  type LockCheck,
} from "../storage/vault/selftest.ts";
import { integerOf, textOf, vaultConfigOf, type Env } from "./env.ts";
import { report } from "./report.ts";
import { sha256 } from "./sha256.ts";

/** The store may be starting: ask soon at first, then leave it alone. */
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 60_000;

/** A start waits this long for the test: on a store near by it takes a tenth of a second. */
const FIRST_MS_MAX = 3_000;

/** Between two tests that passed, where nothing is said. Each leaves an object of some bytes, locked for a day. */
export const LOCK_TEST_SECONDS = 3_600;
/** Seldom enough for a store that is tested all day, and no later than a day after somebody opened a lock. */
const LOCK_TEST_SECONDS_MAX = 86_400;

/** Up to this part of a pause is left out, so that instances with one store do not test it all at once. */
const JITTER = 0.1;

/** The last test that came to a verdict. */
export interface LockProbe {
  readonly enforced: boolean;
  readonly atMs: number;
  readonly tookMs: number;
}

interface Verdict extends LockProbe {
  readonly failed: readonly (LockCheck & { readonly whose: string })[];
}

export class LockWatch {
  readonly #env: Env;
  readonly #ledger: Ledger;
  /** What is wrong, in words; empty when all checks that decide have passed. */
  problems: readonly string[] = ["the lock self-test has not run yet"];
  /** What the last verdict found, each with the canary that was harmed. */
  findings: readonly Finding[] = [];
  /** Null until one came to a verdict. */
  last: LockProbe | null = null;
  /** Tests that came to no verdict, since the start. */
  withoutVerdict = 0;

  constructor(env: Env, ledger: Ledger) {
    this.#env = env;
    this.#ledger = ledger;
  }

  /** Begins, and returns after the first try, or after so long that entries should not wait for it any more. */
  async begin(): Promise<void> {
    const first = new Promise<void>((resolve) => {
      void this.#goOn(resolve);
    });
    await Promise.race([first, sleep(FIRST_MS_MAX)]);
  }

  /** For as long as the ledger lives. The pauses are the timer's, so a clock that is moved does not stretch them. */
  async #goOn(tried: () => void): Promise<never> {
    let retryMs = RETRY_MS_MIN;
    for (let round = 0; ; round += 1) {
      const enforced = await this.#test();
      tried();
      await sleep(enforced ? this.#pauseMs(round) : retryMs);
      retryMs = enforced ? RETRY_MS_MIN : Math.min(retryMs * 2, RETRY_MS_MAX);
    }
  }

  /** Whether this test found the lock enforced. */
  async #test(): Promise<boolean> {
    try {
      const verdict = await this.#run();
      this.#take(verdict);
      return verdict.enforced;
    } catch (error) {
      this.withoutVerdict += 1;
      const reason = error instanceof Error ? error.message : String(error);
      const problem = `the lock self-test could not run: ${reason}`;
      if (this.last === null) this.#forbid([problem]);
      else report("warn", "the lock self-test could not run", { reason });
      return false;
    }
  }

  async #run(): Promise<Verdict> {
    const atMs = Date.now();
    const config = vaultConfigOf(this.#env);
    const { checks } = await runLockSelfTest(config);
    const whose = (key: string) => (check: LockCheck) => ({ ...check, whose: key });
    // Also those that break no lock by themselves: a store or a policy that is not as we left it is not trusted.
    const all = checks.map(whose("the worker's key"));
    const administrator = administratorOf(this.#env);
    if (administrator !== null && all.every(({ ok }) => ok)) {
      const more = await runAdministratorTest(config, administrator);
      all.push(...more.map(whose("the administrator's key")));
    }
    const failed = all.filter(({ ok }) => !ok);
    return { enforced: failed.length === 0, failed, atMs, tookMs: Date.now() - atMs };
  }

  #take({ failed, ...probe }: Verdict): void {
    const before = this.last;
    this.last = probe;
    this.findings = failed.map(findingOf);
    if (!probe.enforced) {
      const problems = failed.map(
        ({ number, name, detail, whose }) =>
          `lock_not_enforced: check ${number} (${name}), with ${whose}: ${detail}`,
      );
      report("error", "the vault does not enforce its lock; nothing is sealed", { problems });
      return this.#forbid(problems);
    }
    if (before?.enforced === false) {
      report("info", "the vault enforces its lock again; sealing goes on");
    }
    this.problems = [];
    this.#ledger.sealingForbidden = null;
    // Not awaited: a store that hangs in a seal must not keep the next test from its time.
    void this.#ledger.sealer.runDue();
  }

  #forbid(problems: readonly string[]): void {
    this.problems = problems;
    this.#ledger.sealingForbidden = problems[0] ?? null;
  }

  /** The same for the same instance and round. */
  #pauseMs(round: number): number {
    const [byte = 0] = sha256(encodeUtf8(`${textOf(this.#env, "INDELIBLE_ORIGIN")} ${round}`));
    return lockTestSecondsOf(this.#env) * 1000 * (1 - (JITTER * byte) / 255);
  }
}

function lockTestSecondsOf(env: Env): number {
  const given = { INDELIBLE_LOCK_TEST_SECONDS: String(LOCK_TEST_SECONDS), ...env };
  return integerOf(given, "INDELIBLE_LOCK_TEST_SECONDS", 1, LOCK_TEST_SECONDS_MAX);
}

function administratorOf(env: Env): { accessKey: string; secretKey: string } | null {
  const { INDELIBLE_S3_ADMIN_ACCESS_KEY: accessKey, INDELIBLE_S3_ADMIN_SECRET_KEY: secretKey } =
    env;
  return accessKey && secretKey ? { accessKey, secretKey } : null;
}

function findingOf({ number, name, detail, canary, whose }: Verdict["failed"][number]): Finding {
  const place = { object: canary?.key ?? null, version: canary?.versionId ?? null };
  const expected = `check ${number} of the lock self-test, with ${whose}: ${name}`;
  return newFinding("lock_not_enforced", place, expected, detail);
}
