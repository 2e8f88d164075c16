/**
 * Findings as they come, in bounded room: neighbours of the same kind become one with a longer range, and beyond a limit
 * they are only counted. A log with a million altered entries is told in a line, not in a million.
 */
import type { Finding } from "../log/findings.ts";

/** What a person can still look at. */
const KEPT_MAX = 1_000;

export class FindingList {
  readonly #findings: Finding[] = [];
  /** Findings beyond those that are kept. */
  more = 0;

  add(finding: Finding): void {
    const last = this.#findings.at(-1);
    if (last !== undefined && continues(last, finding)) {
      this.#findings[this.#findings.length - 1] = { ...last, last: finding.last };
    } else if (this.#findings.length < KEPT_MAX) {
      this.#findings.push(finding);
    } else {
      this.more += 1;
    }
  }

  addAll(findings: readonly Finding[]): void {
    for (const finding of findings) this.add(finding);
  }

  all(): Finding[] {
    return [...this.#findings];
  }

  /** In the order of their places: comparisons end in any order. */
  sorted(): Finding[] {
    const place = ({ first }: Finding): number => first ?? -1;
    const list = new FindingList();
    list.addAll(this.all().sort((a, b) => place(a) - place(b)));
    return list.all();
  }
}

/** Whether the entries of `next` follow at once on those of `last`, in the index (objects are told one by one). */
function continues(last: Finding, next: Finding): boolean {
  return (
    last.code === next.code &&
    last.log === next.log &&
    last.object === null &&
    next.object === null &&
    last.last !== null &&
    next.first === last.last + 1
  );
}
