/** What the ledger tells, as spans: a commit lies in the trace of the first request of its group, a seal in one of its own. */
import type { Observer } from "../../storage/flow/observer.ts";
import type { Env } from "../env.ts";
import { tracingOf } from "./of-env.ts";
import { inBackground } from "./tracing.ts";

/** The observer itself where traces are off. */
export function tracedObserver(env: Env, observer: Observer): Observer {
  const tracing = tracingOf(env);
  if (tracing === null) return observer;
  const span = (
    name: string,
    ms: number,
    said: {
      attributes: Record<string, string | number>;
      traces?: readonly string[];
      error?: string;
    },
  ): void => {
    const { traces = [], ...rest } = said;
    const endMs = Date.now();
    tracing.done({ name, startMs: endMs - ms, endMs, ...rest }, traces);
    tracing.sendLater(inBackground);
  };
  return {
    waiting: (requests, bytes) => observer.waiting(requests, bytes),
    caughtUp: (waitedMs) => observer.caughtUp(waitedMs),
    committed: (group) => {
      observer.committed(group);
      const { ms, traces, requests, logs, entries, bytes } = group;
      // Nobody takes a trace that any of them belongs to.
      if (traces.length === 0) return;
      span("commit", ms, { traces, attributes: numbered({ requests, logs, entries, bytes }) });
    },
    sealed: (stretch) => {
      observer.sealed(stretch);
      const { ms, log, first, entries, bytes } = stretch;
      span("seal", ms, {
        attributes: { "indelible.log": log, ...numbered({ first, entries, bytes }) },
      });
    },
    sealFailed: (log, error, ms) => {
      observer.sealFailed(log, error, ms);
      span("seal", ms, { attributes: { "indelible.log": log }, error });
    },
  };
}

function numbered(numbers: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(numbers).map(([name, n]) => [`indelible.${name}`, n]));
}
