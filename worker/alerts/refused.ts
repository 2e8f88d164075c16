/** Refusals of calls about webhooks: thrown where they are met, answered as values, since calls cross into a Durable Object. */
import type { Problem, Result } from "../ledger-api.ts";
import { asProblem } from "../problem.ts";
import { report } from "../report.ts";

/** A refusal on its way to `answer`. */
class Refused extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** The ledger said no: nothing was written. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Refused && REFUSALS.includes(error.problem.code);
}

const REFUSALS: readonly Problem["code"][] = ["invalid_request", "unauthenticated", "forbidden"];

export function wrong(pointer: string, detail: string): Refused {
  const errors = pointer === "" ? {} : { errors: [{ pointer, detail }] };
  const words = pointer === "" ? detail : `${pointer}: ${detail}`;
  return new Refused({ code: "invalid_request", detail: words, ...errors });
}

export function unknown(id: string): Refused {
  return new Refused({ code: "webhook_unknown", detail: `there is no webhook ${id}` });
}

export function valueOf<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  throw new Refused(result.problem);
}

export async function answer<T>(work: () => Promise<T>): Promise<Result<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    if (error instanceof Refused) return { ok: false, problem: error.problem };
    const { code, detail } = asProblem(error);
    report("error", "a call about webhooks failed", { reason: String(error) });
    return { ok: false, problem: { code: code as Problem["code"], detail } };
  }
}
