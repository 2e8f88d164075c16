/** Entries as OCSF events: every required attribute is there with its type, what has no place is in `unmapped`, and nothing is lost. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { ocsfEndLine, ocsfLine } from "../../storage/export/ocsf.ts";
import { isJsonObject, type Json, type JsonObject } from "../../storage/log/json.ts";
import { property } from "../log/property.ts";

const SOURCE = { log: "demo", origin: "test.example/demo" };

/** Attributes of class 6003 in OCSF 1.2 that are used here, with their types; `!`: required by the schema. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  ...{
    "activity_id!": "integer",
    activity_name: "string",
    "category_uid!": "integer",
    category_name: "string",
  },
  ...{
    "class_uid!": "integer",
    class_name: "string",
    "type_uid!": "integer",
    "severity_id!": "integer",
    severity: "string",
  },
  ...{ "time!": "integer", status_id: "integer", status: "string", status_detail: "string" },
  ...{ "metadata!": "object", "metadata.version!": "string", "metadata.product!": "object" },
  ...{ "metadata.product.name": "string", "metadata.product.vendor_name!": "string" },
  ...{ "metadata.log_name": "string", "metadata.log_provider": "string", "metadata.uid": "string" },
  ...{
    "metadata.sequence": "integer",
    "metadata.logged_time": "integer",
    "metadata.event_code": "string",
  },
  ...{ "metadata.original_time": "string", "metadata.correlation_uid": "string" },
  ...{
    "actor!": "object",
    "actor.user": "object",
    "actor.user.uid": "string",
    "actor.user.name": "string",
  },
  ...{ "actor.user.type_id": "integer", "actor.user.type": "string" },
  ...{ "actor.session": "object", "actor.session.uid": "string" },
  ...{
    "api!": "object",
    "api.operation!": "string",
    "api.request": "object",
    "api.request.uid": "string",
  },
  ...{ "src_endpoint!": "object", "src_endpoint.ip": "string", "src_endpoint.name": "string" },
  ...{ http_request: "object", "http_request.user_agent": "string" },
  ...{
    resources: "array",
    "resources.uid": "string",
    "resources.name": "string",
    "resources.type": "string",
  },
  unmapped: "object",
};

function typeOf(value: Json): string {
  if (Array.isArray(value)) return "array";
  if (Number.isSafeInteger(value)) return "integer";
  return typeof value;
}

/** Throws unless every attribute is one of the table's, of its type, and the required ones are there. */
function assertEvent(event: JsonObject): void {
  const seen = new Set<string>();
  const walk = (value: Json, path: string): void => {
    if (path !== "") {
      const type = ATTRIBUTES[path] ?? ATTRIBUTES[`${path}!`];
      assert.equal(typeOf(value), type, path);
      seen.add(path);
    }
    if (path === "unmapped") return;
    const inside = path === "" ? "" : `${path}.`;
    if (Array.isArray(value)) {
      for (const item of value) {
        assert.ok(isJsonObject(item));
        for (const name in item) walk(item[name]!, inside + name);
      }
    } else if (isJsonObject(value)) for (const name in value) walk(value[name]!, inside + name);
  };
  walk(event, "");
  for (const name of Object.keys(ATTRIBUTES).filter((path) => path.endsWith("!"))) {
    const path = name.slice(0, -1);
    const parent = path.slice(0, Math.max(path.lastIndexOf("."), 0));
    if (parent === "" || seen.has(parent)) assert.ok(seen.has(path), `${path} is required`);
  }
  const { class_uid, activity_id, type_uid, category_uid } = event;
  assert.deepEqual(
    [class_uid, category_uid, type_uid],
    [6003, 6, 600_300 + (activity_id as number)],
  );
  assert.ok([1, 2, 3, 4, 99].includes(activity_id as number));
  assert.ok([0, 1, 2].includes(event["status_id"] as number));
}

function mapped(event: JsonObject, hash = "a".repeat(64)): JsonObject {
  const line = ocsfLine(SOURCE, {
    seq: 7,
    hash,
    by: "token:x",
    time: "2026-10-24T00:00:00.000Z",
    event,
  });
  assert.doesNotMatch(line, /\n/);
  const value = JSON.parse(line) as JsonObject;
  assertEvent(value);
  return value;
}

test("an event with everything", () => {
  const value = mapped({
    action: "invoice.deleted",
    actor: { id: "u-1", name: "Ada", type: "admin" },
    targets: [{ id: "inv-7", type: "invoice", name: "March" }, { id: "inv-8" }],
    outcome: "denied",
    occurred_at: "2026-10-23T23:59:59.5+02:00",
    id: "evt-1",
    context: {
      ip: "192.0.2.7",
      user_agent: "curl",
      location: "Graz",
      request_id: "r",
      session_id: "s",
      trace_id: "t",
    },
    details: { n: 1 },
  });
  assert.deepEqual(value, {
    ...{
      category_uid: 6,
      category_name: "Application Activity",
      class_uid: 6003,
      class_name: "API Activity",
    },
    ...{
      activity_id: 4,
      activity_name: "Delete",
      type_uid: 600_304,
      severity_id: 1,
      severity: "Informational",
    },
    time: Date.parse("2026-10-23T21:59:59.500Z"),
    ...{ status_id: 2, status: "Failure", status_detail: "denied" },
    metadata: {
      version: "1.2.0",
      product: { name: "Indelible", vendor_name: "Indelible" },
      ...{ log_name: "demo", log_provider: "test.example/demo", uid: "a".repeat(64), sequence: 7 },
      logged_time: Date.parse("2026-10-24T00:00:00.000Z"),
      ...{
        event_code: "invoice.deleted",
        original_time: "2026-10-23T23:59:59.5+02:00",
        correlation_uid: "t",
      },
    },
    actor: { user: { uid: "u-1", name: "Ada", type_id: 2, type: "Admin" }, session: { uid: "s" } },
    api: { operation: "invoice.deleted", request: { uid: "r" } },
    src_endpoint: { ip: "192.0.2.7" },
    http_request: { user_agent: "curl" },
    resources: [{ uid: "inv-7", name: "March", type: "invoice" }, { uid: "inv-8" }],
    unmapped: { by: "token:x", event_id: "evt-1", location: "Graz", details: { n: 1 } },
  });
});

test("what an action, an actor and an address are told by", () => {
  const actions: readonly (readonly [string, number])[] = [
    ["user.created", 1],
    ["user.read", 2],
    ["document.viewed", 2],
    ["account.settings.updated", 3],
    ["KEY_REVOKED", 4],
    ["invoice.paid", 99],
    ["credited", 99],
    ["x", 99],
  ];
  for (const [action, id] of actions) {
    const value = mapped({ action, actor: { id: "a" } });
    assert.equal(value["activity_id"], id, action);
    if (id === 99) assert.equal(value["activity_name"], action);
  }
  for (const [type, id] of [
    ["user", 1],
    ["system", 3],
    ["robot", 99],
  ] as const) {
    const { user } = mapped({ action: "a", actor: { id: "a", type } })["actor"] as {
      user: JsonObject;
    };
    assert.equal(user["type_id"], id);
  }
  const addresses = ["192.0.2.7", "2001:db8::1", "::1", "1:2:3:4:5:6:7:8"];
  const texts = [
    "office",
    "256.1.1.1",
    "1.2.3",
    "1:2:3",
    ":::",
    "::1::",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
  ];
  const endpoint = (ip: string) =>
    mapped({ action: "a", actor: { id: "a" }, context: { ip } })["src_endpoint"];
  for (const ip of addresses) assert.deepEqual(endpoint(ip), { ip });
  for (const text of texts) assert.deepEqual(endpoint(text), { name: text });
  assert.deepEqual(endpoint(""), { name: "unknown" });
});

const text = fc.string({ minLength: 1, unit: "grapheme" });
const party = fc.record({ id: text, name: text, type: text }, { requiredKeys: ["id"] });
const event = fc.record(
  {
    ...{
      action: text,
      actor: party,
      outcome: fc.constantFrom("success", "failure", "denied"),
      id: text,
    },
    targets: fc.array(party, { minLength: 1, maxLength: 4 }),
    context: fc.dictionary(
      fc.constantFrom("ip", "user_agent", "location", "request_id", "session_id", "trace_id"),
      text,
    ),
    details: fc.dictionary(text, fc.jsonValue()),
  },
  { requiredKeys: ["action", "actor"] },
);

property("every event is a valid one, and every text of it is somewhere in it", event, (value) => {
  const found = JSON.stringify(mapped(JSON.parse(JSON.stringify(value)) as JsonObject));
  const walk = (part: unknown): void => {
    if (typeof part === "string")
      assert.ok(found.includes(JSON.stringify(part).slice(1, -1)), part);
    else if (Array.isArray(part)) part.forEach(walk);
    else if (typeof part === "object" && part !== null) Object.values(part).forEach(walk);
  };
  const {
    outcome: _,
    actor: { type: __, ...actor },
    ...rest
  } = value as { outcome?: string; actor: { type?: string } };
  walk({ ...rest, actor });
});

test("the last line is an event, too", () => {
  const end = {
    source: SOURCE,
    filter: { action: "a" },
    from: 0,
    to: 3,
    count: 2,
    sha256: "f".repeat(64),
  };
  const value = JSON.parse(ocsfEndLine({ ...end, by: "token:x", timeMs: 1 })) as JsonObject;
  assertEvent(value);
  const { source: _, ...said } = end;
  assert.deepEqual(value["unmapped"], { export_end: said });
});
