/**
 * Bodies of administrators' calls: strict JSON, then a valibot shape. Every issue becomes a pointer
 * and a sentence.
 */
import * as v from "valibot";
import { isJsonObject, parseJson, type Json } from "../storage/log/json.ts";
import { pointerStep, type ErrorPlace } from "../storage/log/errors.ts";
import {
  DESCRIPTION_CHARS_MAX,
  OVERLAP_SECONDS,
  OVERLAP_SECONDS_MAX,
} from "../storage/token-rules.ts";
import { ADMIN_BODY_BYTES_MAX, readBody } from "./body.ts";
import { bodyType } from "./media.ts";
import { invalidRequest, ProblemError } from "./problem.ts";

const DESCRIPTION = `a text of at most ${DESCRIPTION_CHARS_MAX} characters`;

/** Of a log, a token, a decision. */
export const Description = v.pipe(
  v.string(DESCRIPTION),
  v.maxLength(DESCRIPTION_CHARS_MAX, DESCRIPTION),
);

const OVERLAP = `whole seconds from 0 to ${OVERLAP_SECONDS_MAX} (30 days)`;

/** How long an old token or secret goes on beside the one that takes its place. */
export const OverlapSeconds = v.optional(
  v.pipe(
    v.number(OVERLAP),
    v.integer(OVERLAP),
    v.minValue(0, OVERLAP),
    v.maxValue(OVERLAP_SECONDS_MAX, OVERLAP),
  ),
  OVERLAP_SECONDS,
);

/** The body, if it has the shape. Throws `unsupported_media_type`, `invalid_json` or `invalid_request`. */
export async function readShape<S extends v.GenericSchema>(
  request: Request,
  schema: S,
): Promise<v.InferOutput<S>> {
  bodyType(request, ["application/json"]);
  return fit(parseJson(await readBody(request, ADMIN_BODY_BYTES_MAX)), schema);
}

/** The same for a call that needs no body: none at all is an empty object. */
export async function readShapeIfAny<S extends v.GenericSchema>(
  request: Request,
  schema: S,
): Promise<v.InferOutput<S>> {
  const { headers, body } = request;
  // workerd gives an empty body where its length was announced as 0.
  const isEmpty = body === null || headers.get("content-length") === "0";
  return isEmpty && !headers.has("content-type") ? fit({}, schema) : readShape(request, schema);
}

function fit<S extends v.GenericSchema>(value: Json, schema: S): v.InferOutput<S> {
  // To valibot a list is an object like any other.
  if (!isJsonObject(value)) throw invalidRequest("the body is an object", "");
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const errors = result.issues.map(placeOf);
  const [first] = errors;
  const detail = `${first!.pointer === "" ? "the body" : first!.pointer}: ${first!.detail}`;
  throw new ProblemError("invalid_request", detail, { errors });
}

function placeOf(issue: v.BaseIssue<unknown>): ErrorPlace {
  const path = issue.path ?? [];
  const pointer = path.map(({ key }) => pointerStep(key as string | number)).join("");
  return { pointer, detail: sentenceOf(issue) };
}

/** valibot's own words for what is missing or not known; ours, given with the shape, for the rest. */
function sentenceOf(issue: v.BaseIssue<unknown>): string {
  if (issue.type !== "strict_object") return issue.message;
  return issue.expected === "never" ? "no such member" : "is required";
}
