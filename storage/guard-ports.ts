/**
 * The contracts of the guard: what checks an instance over and over, in the worker or in a process of its own, and what
 * tells people of what it found. Like `ports.ts`, each method says what is durable when it returns.
 */
import type { Finding, Severity } from "./log/findings.ts";
import type { Json } from "./log/json-value.ts";

/** Small records that a guard keeps for itself: progress, checkpoints it has seen, findings, deliveries. Keys are ASCII. */
export interface GuardStore {
  /** Null where there is none. */
  get(key: string): Promise<Json | null>;
  /** All changes or none, durable on return; null removes. */
  write(changes: ReadonlyMap<string, Json | null>): Promise<void>;
  /** Records whose key begins with `prefix`, in key order, or backwards with `reverse`; `after`: only beyond that key in that order. */
  list(
    prefix: string,
    options: { readonly limit: number; readonly after?: string; readonly reverse?: boolean },
  ): Promise<Map<string, Json>>;
}

/** One thing to tell people, about one finding. */
export interface Alert {
  /** The same alert has the same id however often it is raised or sent: receivers tell repetitions by it. */
  readonly id: string;
  readonly kind: "opened" | "reminder" | "cleared" | "test";
  readonly severity: Severity;
  /** When it was raised, and since when the finding is open; `YYYY-MM-DDTHH:MM:SS.mmmZ`. */
  readonly at: string;
  readonly since: string;
  /** The instance's origin. */
  readonly instance: string;
  /** Who found it. */
  readonly source: "instance" | "guard";
  readonly finding: Finding;
}

/** Takes what has to be told to people, and sees to it that it arrives. */
export interface AlertSink {
  /** Durable on return; an alert that was raised before, by its id, is not raised again. */
  raise(alerts: readonly Alert[]): Promise<void>;
}
