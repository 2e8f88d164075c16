/**
 * Reads that are summed up: one entry a minute for each who asks and each outcome, so nobody fills `_access` by being
 * refused, by reading a public log, or by reading `_access`. Held in memory until the minute is over.
 */
import type { Json } from "../log/json.ts";
import { formatTime } from "./append.ts";
import {
  accessEvent,
  cut,
  outcomeOf,
  targetsOf,
  type AccessEvent,
  type AccessOutcome,
  type AccessRecord,
} from "./access-events.ts";

/** From the first read that is summed up to its entry. */
export const MINUTE_MS = 60_000;

/**
 * Kinds of reads that one entry lists; others are only counted. One takes 900 bytes at most (100 characters of user
 * agent, escaped, are 600), so that a line stays under 65,535.
 */
export const KINDS_MAX = 50;
const KIND_USER_AGENT_CHARS_MAX = 100;

/** Kinds of all who ask; when there are more, all minutes end early. A kind takes about a kilobyte of memory. */
export const KINDS_ALL_MAX = 5_000;

export const SUMMED_UP_ACTION = "reads.summed_up";

interface Kind {
  readonly of: AccessRecord;
  requests: number;
  count: number | null;
}

interface Minute {
  readonly by: string | null;
  readonly outcome: AccessOutcome;
  readonly fromMs: number;
  readonly dueMs: number;
  toMs: number;
  requests: number;
  /** Requests that are of no kind in `kinds`. */
  more: number;
  readonly kinds: Map<string, Kind>;
}

export class AccessMinutes {
  readonly #minutes = new Map<string, Minute>();
  #kinds = 0;

  /** Sums up one more; the events of minutes that end early for want of room. */
  add(record: AccessRecord, nowMs: number): AccessEvent[] {
    const early = this.#kinds >= KINDS_ALL_MAX ? this.end(Infinity) : [];
    const minute = this.#minuteOf(record, nowMs);
    minute.toMs = Math.max(minute.toMs, record.timeMs);
    minute.requests += record.requests;
    const kind = this.#kindOf(minute, record);
    if (kind === null) {
      minute.more += record.requests;
    } else {
      kind.requests += record.requests;
      const { count } = record.shown;
      if (count !== undefined) kind.count = (kind.count ?? 0) + count * record.requests;
    }
    return early;
  }

  /** The events of the minutes that are over by then, which are forgotten here. */
  end(nowMs: number): AccessEvent[] {
    const over = [...this.#minutes].filter(([, { dueMs }]) => dueMs <= nowMs);
    for (const [key, { kinds }] of over) {
      this.#minutes.delete(key);
      this.#kinds -= kinds.size;
    }
    return over.map(([, minute]) => summary(minute));
  }

  /** When the next minute is over; null while there is none. */
  get dueMs(): number | null {
    // Minutes are as long as each other: the first to begin ends first.
    const [first] = this.#minutes.values();
    return first?.dueMs ?? null;
  }

  #minuteOf(record: AccessRecord, nowMs: number): Minute {
    const outcome = outcomeOf(record);
    const key = `${outcome} ${record.by ?? ""}`;
    const found = this.#minutes.get(key);
    if (found !== undefined) return found;
    const { by, timeMs } = record;
    const times = { fromMs: timeMs, toMs: timeMs, dueMs: nowMs + MINUTE_MS };
    const minute = { by, outcome, ...times, requests: 0, more: 0, kinds: new Map() };
    this.#minutes.set(key, minute);
    return minute;
  }

  #kindOf({ kinds }: Minute, record: AccessRecord): Kind | null {
    const { action, log, status, ip, userAgent } = record;
    const key = JSON.stringify([action, log, status, ip, userAgent]);
    const found = kinds.get(key);
    if (found !== undefined) return found;
    if (kinds.size >= KINDS_MAX) return null;
    const kind: Kind = { of: record, requests: 0, count: null };
    kinds.set(key, kind);
    this.#kinds += 1;
    return kind;
  }
}

function summary({ by, outcome, fromMs, toMs, requests, more, kinds }: Minute): AccessEvent {
  const logs = new Set([...kinds.values()].flatMap(({ of }) => of.log ?? []));
  return accessEvent(by, {
    action: SUMMED_UP_ACTION,
    details: {
      from: formatTime(fromMs),
      to: formatTime(toMs),
      requests,
      reads: [...kinds.values()].map(kindJson),
      ...(more === 0 ? {} : { more }),
    },
    outcome,
    ...targetsOf([...logs]),
  });
}

function kindJson({ of, requests, count }: Kind): Json {
  const { action, log, status, ip, userAgent } = of;
  return {
    action,
    requests,
    status,
    ...(log === null ? {} : { log }),
    ...(count === null ? {} : { count }),
    ...(ip === null ? {} : { ip }),
    ...(userAgent === null ? {} : { user_agent: cut(userAgent, KIND_USER_AGENT_CHARS_MAX) }),
  };
}
