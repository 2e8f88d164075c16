/**
 * Calls to the API where the page came from. A session's cookie goes along by itself; the header is what another site's page
 * cannot send, and without it the cookie does not count. Refusals arrive as `ApiProblem`, in the server's own words.
 */

/** A refusal (RFC 9457), or no answer at all: then `status` is 0. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string;
  /** The server's words, for a person. */
  readonly detail: string;
  readonly requestId: string | null;

  constructor(status: number, code: string, detail: string, requestId: string | null = null) {
    super(`${code}: ${detail}`);
    this.name = "ApiProblem";
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.requestId = requestId;
  }
}

const PAGE_HEADER = "x-indelible-page";

interface Call {
  readonly method?: string;
  /** A text is JSON already, and is sent as it stands. */
  readonly body?: unknown;
  readonly accept?: string;
  readonly signal?: AbortSignal;
}

/** What is called when the server no longer knows who asks. */
let onSignedOut: () => void = () => {};
export function whenSignedOut(then: () => void): void {
  onSignedOut = then;
}

/** The answer, whatever its status below 400. Throws `ApiProblem`; an abort throws as `fetch` does. */
export async function call(
  path: string,
  { method, body, accept, signal }: Call = {},
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: {
        [PAGE_HEADER]: "1",
        accept: accept ?? "application/json",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined
        ? {}
        : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      cache: "no-store",
      credentials: "same-origin",
      redirect: "error",
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiProblem(0, "no_answer", "the server does not answer");
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  if (problem.status === 401) onSignedOut();
  throw problem;
}

async function problemOf(response: Response): Promise<ApiProblem> {
  const { status } = response;
  const said = (await response.json().catch(() => null)) as Partial<Record<string, string>> | null;
  const code = said?.["code"] ?? "unreadable";
  const detail = said?.["detail"] ?? said?.["title"] ?? `the server answered ${status}`;
  return new ApiProblem(status, code, detail, said?.["request_id"] ?? null);
}

/** Where the API has a log; what is of it stands behind that. */
export function logPath(log: string): string {
  return `/v1/logs/${encodeURIComponent(log)}`;
}

/** An append as one would send it from a shell. */
export function curlOf(log: string, body: string): string {
  return [
    `curl ${location.origin}${logPath(log)}/entries \\`,
    `  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\`,
    `  -d '${body.replaceAll("'", String.raw`'\''`)}'`,
  ].join("\n");
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  const response = await call(path, signal === undefined ? {} : { signal });
  return (await response.json()) as T;
}

/** Exact lines of entries, each without its line end. */
export async function getLines(path: string, signal?: AbortSignal): Promise<string[]> {
  const accept = "application/x-ndjson";
  const text = await (
    await call(path, { accept, ...(signal === undefined ? {} : { signal }) })
  ).text();
  return text === "" ? [] : text.slice(0, -1).split("\n");
}

export async function getText(path: string, signal?: AbortSignal): Promise<string> {
  return (await call(path, { accept: "*/*", ...(signal === undefined ? {} : { signal }) })).text();
}

/** Sends something; the answer as JSON, null where it has no body. */
export async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await call(path, { method, ...(body === undefined ? {} : { body }) });
  const text = await response.text();
  return (text === "" ? null : JSON.parse(text)) as T;
}
