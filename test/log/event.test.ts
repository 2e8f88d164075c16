/** Events: what is let in, what is refused and at which place, character limits counted in code points. */
import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { encodeUtf8 } from "../../storage/log/bytes.ts";
import { LogError } from "../../storage/log/errors.ts";
import { parseEvent, PLACES_MAX } from "../../storage/log/event.ts";
import { encodeJson, parseJson, type Json } from "../../storage/log/json.ts";
import { eventValue } from "./events.ts";
import { property } from "./property.ts";

const parse = (value: unknown, pointer?: string) =>
  parseEvent(parseJson(encodeUtf8(JSON.stringify(value))), pointer);

/** Pointers of all places that are refused. */
function refused(value: unknown, pointer?: string): string[] {
  try {
    parse(value, pointer);
  } catch (error) {
    assert.ok(error instanceof LogError);
    assert.equal(error.code, "invalid_event");
    return error.errors.map((place) => place.pointer);
  }
  return [];
}

property(
  "an event that is right is let in, and its text read again is the same event",
  eventValue,
  (value) => {
    const event = parseEvent(parseJson(encodeUtf8(JSON.stringify(value))));
    assert.equal(event.text, encodeJson(value));
    assert.deepEqual(parseEvent(parseJson(event.text)), event);
    assert.equal(event.action, value["action"]);
    assert.equal(event.id, value["id"] ?? null);
  },
);

property(
  "one unknown member, wherever members are fixed, is refused by name",
  fc.tuple(
    eventValue,
    fc.string({ unit: "binary" }),
    fc.constantFrom("", "/actor", "/context", "/targets/0"),
  ),
  ([value, name, place]) => {
    const copy = structuredClone<{ [name: string]: Json }>(value);
    copy["context"] ??= {};
    copy["targets"] ??= [{ id: "t" }];
    const steps = place.split("/").slice(1);
    const target = steps.reduce<Json>((at, step) => (at as { [name: string]: Json })[step]!, copy);
    const known = Object.keys(target as object);
    const fixed = [
      "id",
      "type",
      "name",
      "ip",
      "user_agent",
      "location",
      "request_id",
      "session_id",
    ];
    const words = [...fixed, "trace_id", "action", "actor", "targets", "outcome", "occurred_at"];
    if ([...known, ...words, "context", "details", "__proto__"].includes(name)) return;
    (target as { [name: string]: Json })[name] = 1;
    const escaped = name.replaceAll("~", "~0").replaceAll("/", "~1");
    assert.deepEqual(refused(copy), [`${place}/${escaped}`]);
  },
);

const base = { action: "a", actor: { id: "u" } };

test("each rule has its place", () => {
  const cases: [unknown, string[]][] = [
    [{}, ["/action", "/actor"]],
    [[], [""]],
    ["x", [""]],
    [null, [""]],
    [{ ...base, action: "" }, ["/action"]],
    [{ ...base, action: 1 }, ["/action"]],
    [{ ...base, action: "a\nb" }, ["/action"]],
    [{ ...base, action: "a\u007f" }, ["/action"]],
    [{ ...base, action: null }, ["/action"]],
    [{ ...base, actor: null }, ["/actor"]],
    [{ ...base, actor: "u" }, ["/actor"]],
    [{ ...base, actor: [] }, ["/actor"]],
    [{ ...base, actor: {} }, ["/actor/id"]],
    [{ ...base, actor: { id: "" } }, ["/actor/id"]],
    [{ ...base, actor: { id: "\t" } }, ["/actor/id"]],
    [{ ...base, actor: { id: "u", type: "" } }, ["/actor/type"]],
    [{ ...base, actor: { id: "u", type: null } }, ["/actor/type"]],
    [{ ...base, actor: { id: "u", email: "x" } }, ["/actor/email"]],
    [{ ...base, targets: [] }, ["/targets"]],
    [{ ...base, targets: {} }, ["/targets"]],
    [{ ...base, targets: [{ id: "t" }, { name: "x" }] }, ["/targets/1/id"]],
    [{ ...base, targets: [1] }, ["/targets/0"]],
    [{ ...base, outcome: "ok" }, ["/outcome"]],
    [{ ...base, outcome: null }, ["/outcome"]],
    [{ ...base, id: "" }, ["/id"]],
    [{ ...base, id: 7 }, ["/id"]],
    [{ ...base, id: "a\u0000" }, ["/id"]],
    [{ ...base, context: null }, ["/context"]],
    [{ ...base, context: [] }, ["/context"]],
    [{ ...base, context: { ip: 1, port: "2" } }, ["/context/ip", "/context/port"]],
    [{ ...base, details: [] }, ["/details"]],
    [{ ...base, details: null }, ["/details"]],
    [{ ...base, "a/b~": 1 }, ["/a~1b~0"]],
    [{ ...base, time: "x", seq: 1 }, ["/seq", "/time"]],
  ];
  for (const [value, pointers] of cases) {
    assert.deepEqual(refused(value).sort(), pointers, JSON.stringify(value));
  }
  assert.deepEqual(refused({ action: "a" }, "/7"), ["/7/actor"]);
  assert.deepEqual(refused(1, "/7"), ["/7"]);
});

test("what may be empty or odd is let in", () => {
  for (const value of [
    { ...base, actor: { id: "u", name: "" } },
    { ...base, actor: { id: "u", name: "a\nb" } },
    { ...base, context: {} },
    { ...base, context: { user_agent: "a\tb", ip: "" } },
    { ...base, details: {} },
    { ...base, details: { x: null, y: [null], z: { action: 1 } } },
  ]) {
    assert.deepEqual(refused(value), [], JSON.stringify(value));
  }
});

test("limits count code points", () => {
  const limits: [number, (text: string) => unknown][] = [
    [256, (text) => ({ ...base, action: text })],
    [256, (text) => ({ ...base, actor: { id: text } })],
    [64, (text) => ({ ...base, actor: { id: "u", type: text } })],
    [256, (text) => ({ ...base, actor: { id: "u", name: text } })],
    [128, (text) => ({ ...base, id: text })],
    [512, (text) => ({ ...base, context: { ip: text } })],
  ];
  for (const [max, make] of limits) {
    for (const char of ["a", "é", "€", "😀"]) {
      assert.deepEqual(refused(make(char.repeat(max))), []);
      assert.equal(refused(make(char.repeat(max + 1))).length, 1);
    }
  }
  const targets = (length: number) => Array.from({ length }, (_, i) => ({ id: `t${i}` }));
  assert.deepEqual(refused({ ...base, targets: targets(32) }), []);
  assert.deepEqual(refused({ ...base, targets: targets(33) }), ["/targets"]);
});

test("a refusal names at most twenty places", () => {
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`x${i}`, 1]));
  assert.equal(refused({ ...base, ...many }).length, PLACES_MAX);
});
