/**
 * What this browser remembers of a log from visit to visit: the verifier keys that it trusts, and the checkpoint that it last
 * proved. The first key comes from the server itself (trust on first use), unless somebody pins one that came another way.
 */
import { signal } from "@preact/signals";
import { keep, kept } from "./kept.ts";

export interface Memory {
  readonly vkeys: readonly string[];
  /** True once somebody compared the key, or pasted it. */
  readonly pinned: boolean;
  /** When a key was first trusted, by this browser's clock. */
  readonly since: string;
  /** The checkpoint of the last whole check that held, as it was signed; null before the first. */
  readonly note: string | null;
  readonly at: string | null;
}

/** Grows with each change, so that what shows a memory is drawn anew. */
const changes = signal(0);

const NAMES = "seen.";

export function memoryOf(log: string): Memory | null {
  void changes.value;
  const text = kept(NAMES + log);
  if (text === null) return null;
  try {
    const memory = JSON.parse(text) as Memory;
    return Array.isArray(memory.vkeys) ? memory : null;
  } catch {
    return null;
  }
}

function store(log: string, memory: Memory | null): boolean {
  const done = keep(NAMES + log, memory === null ? null : JSON.stringify(memory));
  changes.value += 1;
  return done;
}

/** After a whole check that held. False where the browser keeps nothing. */
export function remember(log: string, vkeys: readonly string[], note: string): boolean {
  const at = new Date().toISOString();
  const { pinned = false, since = at, vkeys: old = [] } = memoryOf(log) ?? {};
  return store(log, { vkeys: [...new Set([...old, ...vkeys])], pinned, since, note, at });
}

/** Trusts this key and no other; a checkpoint that others signed is no longer held against the log. */
export function pin(log: string, vkey: string): boolean {
  const now = new Date().toISOString();
  const { note = null, at = null } = memoryOf(log) ?? {};
  return store(log, { vkeys: [vkey], pinned: true, since: now, note, at });
}

export function forget(log: string): void {
  store(log, null);
}

/** The size of a checkpoint, as its text says it. */
export function sizeIn(note: string): number {
  return Number(note.split("\n", 2)[1]);
}
