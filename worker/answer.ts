/**
 * Answers: the headers that every one carries, JSON, text, bytes, and problem documents (RFC 9457).
 * What the edge adds to them (HSTS, CORS) stands in `edge.ts`.
 */
import type { ErrorPlace } from "../storage/log/errors.ts";
import { PROBLEMS, type ProblemError } from "./problem.ts";

/** JSON of the contract. */
const JSON_TYPE = "application/json";
export const NDJSON_TYPE = "application/x-ndjson";
export const TEXT_TYPE = "text/plain; charset=utf-8";
const PROBLEM_TYPE = "application/problem+json";

/** Who asked with a token gets an answer that nobody else may keep. */
export const CACHE_NEVER = "private, no-store";

/** Nothing in an answer is to be run, framed, sniffed, linked from or loaded by a page of another origin. */
const CLOSED = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/**
 * A pointer holds names that the sender chose, 32 levels of them, each as long as a body may be. Cut, it still leads
 * to the place; a refusal names 20 of them at most, so the document stays below 20 KB.
 */
const POINTER_CHARS_MAX = 512;
/** Our own sentences are shorter; one may begin with a pointer. */
const DETAIL_CHARS_MAX = 1_024;

export type Headers = Readonly<Record<string, string>>;

/** What a Response takes. */
type AnswerBody = ConstructorParameters<typeof Response>[0];

/** An answer with any body; `headers` win over the usual ones. */
export function answer(
  requestId: string,
  status: number,
  body: AnswerBody,
  headers: Headers,
): Response {
  const response = new Response(body, {
    status,
    headers: {
      "x-request-id": requestId,
      "cache-control": CACHE_NEVER,
      ...CLOSED,
      ...headers,
    },
  });
  if (sizeOf(body) > LARGE_BYTES) large.add(response);
  return response;
}

/** True where it is a stream, or has more than 64 KiB. */
export function isLarge(response: Response): boolean {
  return large.has(response);
}

const large = new WeakSet<Response>();
/** A socket takes so much at once. */
const LARGE_BYTES = 64 * 1024;

function sizeOf(body: AnswerBody): number {
  if (typeof body === "string") return body.length;
  if (body instanceof Uint8Array) return body.byteLength;
  return body === null || body === undefined ? 0 : Infinity;
}

export function answerJson(
  requestId: string,
  status: number,
  value: unknown,
  headers: Headers = {},
): Response {
  return answerJsonText(requestId, status, JSON.stringify(value), headers);
}

/** As `answerJson`, for who has the text already. */
export function answerJsonText(
  requestId: string,
  status: number,
  text: string,
  headers: Headers = {},
): Response {
  return answer(requestId, status, text, { "content-type": JSON_TYPE, ...headers });
}

export function answerText(requestId: string, text: string, headers: Headers = {}): Response {
  return answer(requestId, 200, text, { "content-type": TEXT_TYPE, ...headers });
}

/** The document of a refusal. */
export function answerProblem(requestId: string, problem: ProblemError): Response {
  const { status, title, retryAfterSeconds } = PROBLEMS[problem.code];
  const document = {
    ...problem.members,
    code: problem.code,
    title,
    status,
    detail: cut(problem.detail, DETAIL_CHARS_MAX),
    request_id: requestId,
    ...(problem.errors === undefined ? {} : { errors: problem.errors.map(cutPlace) }),
  };
  const retry = problem.retryAfterSeconds ?? retryAfterSeconds;
  return answer(requestId, status, JSON.stringify(document), {
    "content-type": PROBLEM_TYPE,
    ...(retry === undefined ? {} : { "retry-after": String(Math.max(1, Math.ceil(retry))) }),
    ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
    ...problem.headers,
  });
}

function cutPlace({ pointer, detail }: ErrorPlace): ErrorPlace {
  return { pointer: cut(pointer, POINTER_CHARS_MAX), detail: cut(detail, DETAIL_CHARS_MAX) };
}

/** At most so many UTF-16 units and an ellipsis; no character is cut in two. */
function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** Headers of what may come compressed: workerd and edges do it where an answer says so, piece by piece. A coding that is refused (`q=0`) is not given. */
export function codingFor(request: Request): Headers {
  const isTaken = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(
    request.headers.get("accept-encoding") ?? "",
  );
  return { vary: "Accept-Encoding", ...(isTaken ? { "content-encoding": "gzip" } : {}) };
}
