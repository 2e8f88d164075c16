/**
 * `GET /openapi.json`: the API described for programs (OpenAPI 3.1.1), made from the table of routes and nothing else, so
 * what is served is described. For anybody: the addresses are no secret, and what they ask for stands there too.
 */
import { ACTION_CHARS_MAX, OUTCOMES, PARTY_ID_CHARS_MAX } from "../../storage/log/event.ts";
import { QUERY_CHARS_MAX } from "../../storage/log/filter.ts";
import { BINS_MAX, TOP_DEFAULT, TOP_MAX } from "../routes/stats.ts";
import { answerJsonText } from "../answer.ts";
import type { Ask } from "../ask.ts";
import type { Rule } from "../access.ts";
import { APPROVAL_STATES } from "../routes/approvals.ts";
import { EXPORT_FORMATS } from "../routes/export.ts";
import { LIST_LIMIT_DEFAULT, LIST_LIMIT_MAX } from "../routes/entries.ts";
import type { Route } from "../routes.ts";
import { CALLS, type CallDescription, type Content } from "./calls.ts";
import { LOG_NAME, ref, SCHEMAS, type Schema } from "./schemas.ts";

let text: string | null = null;

export function answerDescription(ask: Ask, routes: readonly Route[]): Response {
  text ??= JSON.stringify(describe(routes));
  return answerJsonText(ask.requestId, 200, text);
}

/** The whole description. */
export function describe(routes: readonly Route[]) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const operations = (paths[templateOf(route.path)] ??= {});
    operations[route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Indelible",
      version: "1",
      description: "An audit log that cannot be changed without being noticed.",
    },
    servers: [{ url: "/" }],
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
      responses: { Problem: PROBLEM },
    },
  };
}

const PROBLEM = {
  description: "A refusal (RFC 9457); `code` says which",
  content: { "application/problem+json": { schema: ref("Problem") } },
};
const REFUSED = { $ref: "#/components/responses/Problem" };

/** A route that nobody has described is there all the same; a test says that its words are missing. */
const UNDESCRIBED: Pick<CallDescription, "summary" | "answers"> = {
  summary: "",
  answers: { 200: {} },
};

function operationOf({ method, path, rule, query }: Route) {
  const call: Partial<CallDescription> & typeof UNDESCRIBED =
    CALLS[`${method} ${path}`] ?? UNDESCRIBED;
  const answers = Object.entries(call.answers).map(([status, content]) => [
    status,
    { description: "Done", ...(isEmpty(content) ? {} : { content: contentOf(content) }) },
  ]);
  return {
    ...(call.id ? { operationId: call.id } : {}),
    summary: call.summary,
    description: describeRule(rule),
    security: securityOf(rule),
    parameters: [...inPath(path), ...inQuery(path, query), ...headersOf(path, method)],
    ...(call.body
      ? { requestBody: { required: !call.isBodyOptional, content: contentOf(call.body) } }
      : {}),
    responses: { ...Object.fromEntries(answers), "4XX": REFUSED, "5XX": REFUSED },
  };
}

const isEmpty = (content: Content): boolean => Object.keys(content).length === 0;

function contentOf(content: Content) {
  const types = Object.entries(content);
  return Object.fromEntries(types.map(([type, schema]) => [type, schema ? { schema } : {}]));
}

function describeRule(rule: Rule): string {
  switch (rule.for) {
    case "anyone":
      return "For anybody.";
    case "metrics":
      return "For every token, and without one for the machine itself.";
    case "append":
      return "Role for the log: writer.";
    case "token":
      return `Role: ${rule.roles.join(" or ")}.`;
    case "log": {
      const isPublic = rule.public === true ? " Anybody, if the log is public." : "";
      return `Role for the log: ${rule.roles.join(" or ")}.${isPublic}`;
    }
    default:
      return rule satisfies never;
  }
}

/** `{}` beside the token: it also works without one, for whom the rule says. */
function securityOf(rule: Rule): object[] {
  if (rule.for === "anyone") return [];
  const isOpenToSome = rule.for === "metrics" || (rule.for === "log" && rule.public === true);
  return isOpenToSome ? [{ bearer: [] }, {}] : [{ bearer: [] }];
}

const SEQ: Schema = { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER };

const IN_PATH: Readonly<Record<string, Schema>> = {
  log: LOG_NAME,
  seq: SEQ,
  first: SEQ,
  id: { type: "string", pattern: "^[0-9a-z]{12}$" },
  audit: { type: "string", pattern: "^[0-9-]{1,40}$" },
};

const TIME: Schema = { type: "string", format: "date-time" };
const textOf = (maxLength: number): Schema => ({ type: "string", minLength: 1, maxLength });
const FLAG: Schema = { enum: ["", "true"] };

const IN_QUERY: Readonly<Record<string, Schema>> = {
  ack: { enum: ["sealed"] },
  order: { enum: ["desc", "asc"], default: "desc" },
  from: SEQ,
  to: SEQ,
  limit: { type: "integer", minimum: 1, maximum: LIST_LIMIT_MAX, default: LIST_LIMIT_DEFAULT },
  cursor: { type: "string" },
  committed: FLAG,
  fresh: FLAG,
  ...{ since: TIME, until: TIME, outcome: { enum: OUTCOMES } },
  action: textOf(ACTION_CHARS_MAX + 1),
  actor: textOf(PARTY_ID_CHARS_MAX),
  target: textOf(PARTY_ID_CHARS_MAX),
  q: textOf(QUERY_CHARS_MAX),
  bins: { type: "integer", minimum: 1, maximum: BINS_MAX, default: BINS_MAX },
  top: { type: "integer", minimum: 1, maximum: TOP_MAX, default: TOP_DEFAULT },
  prove: FLAG,
  format: { enum: EXPORT_FORMATS, default: "jsonl" },
  state: { enum: APPROVAL_STATES },
};

const PARAMETER = /:([a-z]+)(?:\{[^}]*\})?/g;

const templateOf = (path: string): string => path.replace(PARAMETER, "{$1}");

function inPath(path: string) {
  return [...path.matchAll(PARAMETER)].map(([, name]) => ({
    ...{ name: name!, in: "path", required: true },
    schema: IN_PATH[name!] ?? { type: "string" },
  }));
}

/** Two sizes are what consistency is about; everything else may be left out. */
function inQuery(path: string, names: readonly string[]) {
  const required = path.endsWith("/consistency");
  return names.map((name) => {
    return { name, in: "query", required, schema: IN_QUERY[name] ?? { type: "string" } };
  });
}

function headersOf(path: string, method: string) {
  if (method !== "POST" || !path.endsWith("/entries")) return [];
  const schema = { type: "string", minLength: 1, maxLength: 128, pattern: "^[ -~]+$" };
  return [{ name: "Idempotency-Key", in: "header", required: false, schema }];
}
