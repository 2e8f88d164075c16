/**
 * Answers: the headers that every one carries, JSON, text, bytes, and problem documents (RFC 9457).
 * Nothing here may be framed, sniffed, cached or read by another origin; there is no CORS.
 */
import { PROBLEMS, type ProblemError } from "./problem.ts";

/** JSON of the contract. */
const JSON_TYPE = "application/json";
export const NDJSON_TYPE = "application/x-ndjson";
export const TEXT_TYPE = "text/plain; charset=utf-8";
const PROBLEM_TYPE = "application/problem+json";

/** Who asked with a token gets an answer that nobody else may keep. */
export const CACHE_NEVER = "private, no-store";

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
  return new Response(body, {
    status,
    headers: {
      "x-request-id": requestId,
      "cache-control": CACHE_NEVER,
      "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
      ...headers,
    },
  });
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
    detail: problem.detail,
    request_id: requestId,
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
  };
  const retry = problem.retryAfterSeconds ?? retryAfterSeconds;
  return answer(requestId, status, JSON.stringify(document), {
    "content-type": PROBLEM_TYPE,
    ...(retry === undefined ? {} : { "retry-after": String(Math.max(1, Math.ceil(retry))) }),
    ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
    ...problem.headers,
  });
}
