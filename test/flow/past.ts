/** Instances with a past, for tests of what a start makes of it, and what such tests look at. */
import assert from "node:assert/strict";
import { decodeLine, type Entry } from "../../storage/log/entry.ts";
import type { NewEvent } from "../../storage/flow/append.ts";
import { Refusal } from "../../storage/flow/refusal.ts";
import type { MemoryStore } from "../index/memory-index.ts";
import { until, World, type Process } from "./harness.ts";

export const refused = (code: string) => (error: unknown) =>
  error instanceof Refusal && error.code === code;

export interface Past {
  readonly world: World;
  /** The index when `a` had two sealed entries and one that was not; `_system` was sealed. */
  readonly old: MemoryStore;
  /** An event with an id that was appended after `old`. */
  readonly event: NewEvent;
}

/** `a` and `_system` are sealed but for `unsealed` entries of `a`; nobody runs. */
export async function past(unsealed = 0): Promise<Past> {
  const world = new World();
  const one = await world.start();
  await one.append("b", [world.event()]);
  await one.append("a", [world.event(), world.event()]);
  for (const log of ["_system", "a", "b"]) await one.seal(log);
  await one.append("a", [world.event()]);
  const old = world.index.store.copy();
  const event = world.event({ id: "i" });
  await one.append("a", [event]);
  await one.seal("a");
  for (let n = 0; n < unsealed; n += 1) await one.append("a", [world.event()]);
  // The memo is written behind.
  await until(() => world.memo?.get("a")?.size === one.size("a"), "the memo");
  await world.check();
  world.crash();
  return { world, old, event };
}

/** Drives what goes on in the background until no log is recovering. */
export async function settled(world: World, one: Process): Promise<void> {
  const states = () => ["_system", ...world.logs].map((log) => one.ledger.state(log));
  for (let tries = 0; states().some((state) => state?.recovering !== false); tries += 1) {
    assert.ok(tries < 100, "recoveries end");
    world.nowMs += 10_000;
    await one.alive(one.ledger.sealer.runDue());
    await one.alive(new Promise((resolve) => setTimeout(resolve, 1_000)));
  }
}

export function entries(world: World, log: string): Entry[] {
  const chunks = world.index.store.chunks.get(log) ?? [];
  return chunks.flatMap(({ lines }) => lines.split("\n").map(decodeLine));
}

export function count(world: World, log: string, action: string, about?: string): number {
  return entries(world, log).filter(
    (entry) =>
      entry.action === action &&
      (about === undefined || (entry.eventJson["details"] as { log?: string }).log === about),
  ).length;
}
