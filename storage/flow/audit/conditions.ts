/**
 * What the surroundings say is wrong, and vault and index that do not answer. Each counts when it was said twice, some seconds
 * apart, and is over when it was not said twice.
 */
import type { Finding } from "../../log/findings.ts";
import type { AuditContext } from "./context.ts";
import type { Failures } from "./failures.ts";

/** They are asked so often at most. */
const ASK_MS = 2_000;

export class Conditions {
  readonly #context: AuditContext;
  readonly #failures: Failures;
  #askedMs = -Infinity;
  /** Keys of what is said and not confirmed yet, and of what is not said any more, with the time of the first such look. */
  readonly #said = new Map<string, number>();
  readonly #unsaid = new Map<string, number>();

  constructor(context: AuditContext, failures: Failures) {
    this.#context = context;
    this.#failures = failures;
  }

  /** When they should be asked again: soon, where something was said once. */
  get dueMs(): number {
    const pauseMs =
      this.#said.size + this.#unsaid.size > 0 ? this.#context.settings.confirmMs : IDLE_MS;
    return this.#askedMs + Math.max(ASK_MS, pauseMs);
  }

  async ask(): Promise<void> {
    const { parts, book, settings } = this.#context;
    const nowMs = parts.clock.nowMs();
    if (nowMs >= this.#askedMs && nowMs - this.#askedMs < ASK_MS) return;
    this.#askedMs = nowMs;
    let told: readonly Finding[];
    try {
      told = await parts.conditions();
    } catch (error) {
      parts.report("warn", "what surrounds the auditor cannot be asked", { reason: String(error) });
      return;
    }
    const findings = [...told, ...this.#failures.findings(nowMs, settings.unreachableMs)];
    const keys = new Set(findings.map((one) => book.keyOf(one)));
    const lasting = (times: Map<string, number>, key: string): boolean => {
      const firstMs = times.get(key) ?? nowMs;
      times.set(key, firstMs);
      return nowMs - firstMs >= settings.confirmMs;
    };
    for (const key of this.#said.keys()) if (!keys.has(key)) this.#said.delete(key);
    for (const key of keys) this.#unsaid.delete(key);
    const confirmed = findings.filter((one) => {
      const key = book.keyOf(one);
      return book.has(key) || lasting(this.#said, key);
    });
    await book.confirm(confirmed, "conditions");
    for (const one of confirmed) this.#said.delete(book.keyOf(one));
    await book.clear("conditions", (key) => !keys.has(key) && lasting(this.#unsaid, key));
    for (const key of this.#unsaid.keys()) if (!book.has(key)) this.#unsaid.delete(key);
  }
}

/** Without anything to do, it is asked so often. */
const IDLE_MS = 10_000;
