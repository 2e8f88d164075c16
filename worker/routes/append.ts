/** `POST /v1/logs/{log}/entries`: events in, places and a signed checkpoint out. The hot path: nothing here that need not be. */
import { answerJsonText } from "../answer.ts";
import { principalOf, type Ask } from "../ask.ts";
import { readBody } from "../body.ts";
import { EVENT_TYPES, parseEvents, type EventType } from "../events.ts";
import type { AppendAnswer, Problem } from "../ledger-api.ts";
import { bodyType } from "../media.ts";
import { problemOf, ProblemError } from "../problem.ts";

/** 201 once durable, chained and signed; with `ack=sealed` once it lies under lock, or 504 with the same members. */
export async function append(ask: Ask): Promise<Response> {
  const { request, query, services } = ask;
  const sealed = query.oneOf("ack", ["sealed"]) !== null;
  const type = bodyType(request, EVENT_TYPES);
  const { by } = principalOf(ask);
  return services.bodyRooms.hold(
    by,
    request,
    () => readBody(request),
    (body) => appendBody(ask, type, sealed, body),
  );
}

async function appendBody(
  ask: Ask,
  type: EventType,
  sealed: boolean,
  body: Uint8Array,
): Promise<Response> {
  const { request, services } = ask;
  const sent = await parseEvents(type, body, request.headers.get("idempotency-key"));
  const events = sent.events.map(({ text, id }) => ({ text, id }));
  const result = await services.ledger.append({
    log: ask.param("log"),
    principal: principalOf(ask),
    events,
    sealed,
    trace: ask.span?.parent,
  });
  if (!result.ok) throw problemOf(sent.single ? ofSingle(result.problem) : result.problem);
  const members = membersOf(result.value);
  if (sealed && result.value.sealed !== true) throw sealTimeout(members);
  return answerJsonText(ask.requestId, 201, JSON.stringify(members));
}

/** The ledger knows lists only; of a single event the places begin at the event itself. */
function ofSingle(problem: Problem): Problem {
  if (problem.errors === undefined) return problem;
  const errors = problem.errors.map(({ pointer, detail }) => {
    return { pointer: pointer.replace(/^\/0(?=\/|$)/, ""), detail };
  });
  return { ...problem, errors };
}

function membersOf({ log, first, count, entries, checkpoint }: AppendAnswer) {
  return { log, first, count, entries, checkpoint };
}

function sealTimeout(members: Readonly<Record<string, unknown>>): ProblemError {
  const detail =
    "the entries are committed and will be sealed; ask again with the same ids, or look for the seal";
  return new ProblemError("seal_timeout", detail, { members });
}
