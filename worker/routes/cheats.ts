/**
 * Try it: asks the attacker, who lives outside of the worker and is there only where an instance is tried out, to cheat on the
 * log `demo`. Everywhere else this address is none.
 */
import * as v from "valibot";
import { answerJson } from "../answer.ts";
import type { Ask } from "../ask.ts";
import { ProblemError } from "../problem.ts";
import { readShape } from "../shape.ts";

export const CHEAT_LOG = "demo";
export const CHEAT_WAYS = ["app", "dba", "chain", "store", "repair"] as const;

export const CheatShape = v.strictObject({
  way: v.picklist(CHEAT_WAYS, `one of: ${CHEAT_WAYS.join(", ")}`),
  seq: v.pipe(v.number("a whole number"), v.safeInteger("a whole number"), v.minValue(0)),
});

/** 200 with what was done and what came of it, also where it was refused: that is the point. */
export async function cheatNow(ask: Ask): Promise<Response> {
  const { cheat } = ask.services;
  if (ask.param("log") !== CHEAT_LOG) {
    throw new ProblemError("forbidden", `only ${CHEAT_LOG} is there to be cheated on`);
  }
  if (cheat === null) throw new ProblemError("route_unknown", "nothing lives at this address");
  const response = await cheat(await readShape(ask.request, CheatShape));
  const report = JSON.parse(await response.text()) as { detail?: string };
  if (response.ok) return answerJson(ask.requestId, 200, report);
  throw new ProblemError("invalid_request", report.detail ?? "the attacker would not do it");
}
