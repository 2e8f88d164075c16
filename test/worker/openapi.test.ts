/** The description of the API is OpenAPI, has every route of the table and no other, and is true of what is answered. */
import assert from "node:assert/strict";
import test from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import formats from "ajv-formats";
import Ajv2020 from "ajv/dist/2020.js";
import { encodeUtf8 } from "../../storage/log/bytes.ts";
import { parseEvents } from "../../worker/events.ts";
import { CALLS } from "../../worker/openapi/calls.ts";
import { describe } from "../../worker/openapi/document.ts";
import { ROUTES } from "../../worker/routes.ts";
import { bodyOf, nameOf, pathOf, ROLES } from "./expected.ts";
import { event, LOG, makeFake } from "./fake.ts";

interface Media {
  readonly schema?: object;
}

interface Operation {
  readonly operationId: string;
  readonly security: readonly object[];
  readonly parameters: readonly { name: string; in: string; required: boolean }[];
  readonly requestBody?: { readonly content: Record<string, Media> };
  readonly responses: Record<string, { readonly content?: Record<string, Media> }>;
}

const DOCUMENT = describe(ROUTES);
const PATHS = DOCUMENT.paths as Record<string, Record<string, Operation>>;

// The document as a whole is a schema of references, so that `#/components/…` leads where it says.
const ajv = new Ajv2020.Ajv2020({ strict: false });
formats.default(ajv);
ajv.addSchema(DOCUMENT, "api");

function assertValid(schema: object, value: unknown, what: string): void {
  const rooted = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"api#/')) as object;
  const isValid = ajv.compile(rooted);
  assert.ok(isValid(value), `${what}: ${ajv.errorsText(isValid.errors)}`);
}

const templateOf = (path: string): string => path.replace(/:([a-z]+)(\{[^}]*\})?/g, "{$1}");

test("it is OpenAPI 3.1, served to anybody", async () => {
  const fake = await makeFake();
  const answer = await fake.ask("GET", "/openapi.json");
  const served = (await answer.json()) as Record<string, unknown>;
  assert.deepEqual(served, JSON.parse(JSON.stringify(DOCUMENT)));
  const { valid, errors } = await new Validator().validate(served);
  assert.ok(valid, JSON.stringify(errors));
});

test("it has every route of the table and no other, each with words of its own", () => {
  const described = Object.entries(PATHS).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const served = ROUTES.map(({ method, path }) => `${method} ${templateOf(path)}`);
  assert.deepEqual(described.sort(), served.sort());
  const missing = ROUTES.map(nameOf).filter((name) => !(name in CALLS));
  assert.deepEqual(missing, [], "to be described in worker/openapi/calls.ts");
  assert.deepEqual(Object.keys(CALLS).sort(), ROUTES.map(nameOf).sort());
  const ids = Object.values(CALLS).map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
});

test("what a route asks for is in it: token, path, query", () => {
  for (const { method, path, rule, query } of ROUTES) {
    const operation = PATHS[templateOf(path)]![method.toLowerCase()]!;
    const isClosed = operation.security.length === 1 && "bearer" in operation.security[0]!;
    assert.equal(isClosed, ["log", "append", "token"].includes(rule.for) && !isPublic(rule), path);
    const named = (where: string) =>
      operation.parameters.filter((known) => known.in === where).map(({ name }) => name);
    assert.deepEqual(named("query"), query);
    assert.deepEqual(
      named("path"),
      [...path.matchAll(/:([a-z]+)/g)].map(([, name]) => name),
    );
  }
});

const isPublic = (rule: object): boolean => "public" in rule;

test("answers are what it says: status, type and shape, refusals too", async () => {
  const fake = await makeFake();
  const writer = fake.token(["writer"]);
  const body = [event("a"), event("b"), event("c")];
  await fake.ask("POST", `/v1/logs/${LOG}/entries`, { token: writer, body });
  await fake.ledger.seal(LOG);
  const chief = fake.token(ROLES, ["*", LOG]);
  const revocable = fake.token(["reader"]).slice(4, 16);
  for (const route of ROUTES) {
    const operation = PATHS[templateOf(route.path)]![route.method.toLowerCase()]!;
    for (const token of [chief, "nonsense"]) {
      const path = pathOf(route, LOG, revocable);
      const sent = ["POST", "PATCH"].includes(route.method) ? bodyOf(nameOf(route)) : undefined;
      const answer = await fake.ask(route.method, path, { token, body: sent });
      const what = `${nameOf(route)} ${answer.status}`;
      const said = operation.responses[answer.status] ?? refusalOf(operation, answer.status);
      assert.ok(said, what);
      if (answer.status === 204) continue;
      const type = answer.headers.get("content-type")!;
      const media = said.content?.[type];
      assert.ok(media, `${what}: ${type}`);
      if (media.schema)
        for (const value of await valuesOf(answer)) assertValid(media.schema, value, what);
    }
  }
});

/** The lines of NDJSON; otherwise the whole. */
async function valuesOf(answer: Response): Promise<unknown[]> {
  if (answer.headers.get("content-type") !== "application/x-ndjson") return [await answer.json()];
  const lines = (await answer.text()).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as unknown);
}

test("what is taken home is what it says: a proof, an export's lines in each form", async () => {
  const fake = await makeFake();
  const writer = fake.token(["writer"]);
  const auditor = fake.token(["auditor"]);
  const body = [event("a"), event("b"), event("a")];
  await fake.ask("POST", `/v1/logs/${LOG}/entries`, { token: writer, body });
  await fake.ledger.seal(LOG);
  const schema = (name: string) => ({ $ref: `#/components/schemas/${name}` });
  for (const [query, count] of [
    ["", 5],
    ["action=a", 4],
    ["format=ocsf", 4],
  ] as const) {
    const answer = await fake.ask("GET", `/v1/logs/${LOG}/export?${query}`, { token: auditor });
    const lines = await valuesOf(answer);
    assert.equal(lines.length, count);
    for (const line of lines) assertValid(schema("ExportLine"), line, query);
  }
  const isLine = ajv.compile({ $ref: "api#/components/schemas/ExportLine" });
  for (const line of [{}, { after: 0, more: 1 }, { seq: 0 }, { class_uid: 6003 }]) {
    assert.equal(isLine(line), false, JSON.stringify(line));
  }
  await fake.ask("POST", `/v1/logs/${LOG}/entries`, { token: writer, body });
  const path = `/v1/logs/${LOG}/entries?action=a&prove=true`;
  const { proof } = (await (await fake.ask("GET", path, { token: auditor })).json()) as {
    proof: { tail: { lines: string[] } };
  };
  assertValid(schema("AnswerProof"), proof, "proof");
  assert.equal(proof.tail.lines.length, 3);
});

function refusalOf({ responses }: Operation, status: number) {
  if (status < 400) return undefined;
  assert.deepEqual(responses[`${String(status)[0]}XX`], {
    $ref: "#/components/responses/Problem",
  });
  return DOCUMENT.components.responses.Problem as Operation["responses"][string];
}

test("its events are those that are taken", async () => {
  const isEvent = ajv.compile({ $ref: "api#/components/schemas/Event" });
  const whole = event("a", {
    targets: [{ id: "t", type: "x", name: "" }],
    outcome: "denied",
    occurred_at: "2026-01-31T23:59:59.123Z",
    id: "i",
    context: { ip: "::1" },
    details: { any: [1, null] },
  });
  const wrong = [
    ...[{}, { action: "a" }, event(""), event("a".repeat(257)), event("a\u0000")],
    ...[event("a", { more: 1 }), event("a", { outcome: "maybe" }), event("a", { targets: [] })],
    ...[event("a", { details: 1 }), event("a", { context: { host: "x" } })],
    ...[event("a", { occurred_at: "yesterday" }), event("a", { actor: { id: "" } })],
  ];
  const isTaken = async (value: unknown): Promise<boolean> => {
    try {
      await parseEvents("application/json", encodeUtf8(JSON.stringify(value)), null);
      return true;
    } catch {
      return false;
    }
  };
  for (const value of [whole, event("a"), event("😀".repeat(256)), ...wrong]) {
    const text = JSON.stringify(value);
    assert.equal(isEvent(value), await isTaken(value), text);
    assert.equal(await isTaken(value), !wrong.includes(value), text);
  }
});
