/** Entries as OCSF events: valid by the published schema of the version that they name, what has no place is in `unmapped`, and nothing is lost. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { ocsfEndLine, ocsfLine } from "../../storage/export/ocsf.ts";
import type { JsonObject } from "../../storage/log/json.ts";
import { property } from "../log/property.ts";
import { assertApiActivity } from "./ocsf-schema.ts";

const SOURCE = { log: "demo", origin: "test.example/demo" };

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
  assertApiActivity(value);
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
  assertApiActivity(value);
  const { source: _, ...said } = end;
  assert.deepEqual(value["unmapped"], { export_end: said });
});
