/** Problem documents (RFC 9457), as every refusal must be one. */
import assert from "node:assert/strict";
import type { Reply } from "./client.ts";

interface ProblemDocument {
  readonly type?: string;
  readonly title?: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly request_id: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

/** Asserts that the reply is this problem, complete and consistent with its headers, and returns it. */
export function assertProblem(
  reply: Reply,
  status: number,
  code: string,
  pointers?: readonly string[],
): ProblemDocument {
  assert.equal(reply.status, status, reply.text);
  assert.match(reply.headers.get("content-type") ?? "", /^application\/problem\+json\b/);
  const problem = reply.json<ProblemDocument>();
  assert.equal(problem.code, code, reply.text);
  assert.equal(problem.status, status);
  assert.ok(problem.title, "a problem has a title");
  assert.ok(problem.detail, "a problem says what is wrong");
  assert.match(problem.request_id, /^[0-9a-f-]{36}$/);
  assert.equal(reply.headers.get("x-request-id"), problem.request_id);
  if (status === 503) assert.match(reply.headers.get("retry-after") ?? "", /^[0-9]+$/);
  for (const { pointer, detail } of problem.errors ?? []) {
    assert.match(pointer, /^(?:$|\/|\?)/, "a JSON pointer, or a parameter's name");
    assert.ok(detail);
  }
  if (pointers !== undefined) {
    assert.deepEqual(
      (problem.errors ?? []).map(({ pointer }) => pointer),
      pointers,
    );
  }
  return problem;
}
