/**
 * An event held against the published schema of OCSF 1.2.0 (`ocsf-1.2.0.json`, taken out of the repository ocsf/ocsf-schema): every attribute
 * is one of its object's, of its type, in its enumeration; what is required is there, and so is one of those of which one must be.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { isJsonObject, type Json, type JsonObject } from "../../storage/log/json.ts";

interface Attribute {
  readonly type: string;
  readonly object?: string;
  readonly is_array?: true;
  readonly requirement?: "required" | "recommended";
  /** Only where the event names this profile. */
  readonly profile?: string;
  readonly enum?: Readonly<Record<string, string>>;
  /** The attribute that holds the caption of this one's value. */
  readonly sibling?: string;
}

interface Schema {
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly constraints?: { readonly at_least_one?: readonly string[] };
}

interface Type {
  readonly type?: string;
  readonly regex?: string;
  readonly max_len?: number;
}

const SCHEMA = JSON.parse(readFileSync(new URL("./ocsf-1.2.0.json", import.meta.url), "utf8")) as {
  readonly version: string;
  readonly types: Readonly<Record<string, Type>>;
  readonly class: Schema;
  readonly objects: Readonly<Record<string, Schema>>;
};

/** Throws unless the event is one of class API Activity (6003). */
export function assertApiActivity(event: JsonObject): void {
  assertObject(event, SCHEMA.class, "event");
  const { category_uid, class_uid, activity_id, type_uid, metadata } = event;
  const type = 6003 * 100 + (activity_id as number);
  assert.deepEqual([category_uid, class_uid, type_uid], [6, 6003, type]);
  assert.equal((metadata as JsonObject)["version"], SCHEMA.version);
}

function assertObject(value: Json, { attributes, constraints }: Schema, path: string): void {
  assert.ok(isJsonObject(value), `${path} is an object`);
  for (const name in value) {
    const attribute = attributes[name];
    assert.ok(attribute !== undefined, `the schema has no ${path}.${name}`);
    // No event of ours names a profile.
    assert.equal(attribute.profile, undefined, `${path}.${name} needs a profile`);
    const items = attribute.is_array === true ? value[name] : [value[name]!];
    assert.ok(Array.isArray(items), `${path}.${name} is a list`);
    for (const item of items) assertValue(item, attribute, `${path}.${name}`, value);
  }
  for (const [name, { requirement, profile }] of Object.entries(attributes)) {
    if (requirement === "required" && profile === undefined) {
      assert.ok(name in value, `${path}.${name} is required`);
    }
  }
  const oneOf = constraints?.at_least_one;
  const isOneThere = oneOf === undefined || oneOf.some((name) => name in value);
  assert.ok(isOneThere, `${path} has one of ${oneOf?.join(", ")}`);
}

function assertValue(value: Json, attribute: Attribute, path: string, holder: JsonObject): void {
  if (attribute.type === "object_t") {
    // `object` has no attributes of its own: anything may be in it.
    if (attribute.object === "object") return assert.ok(isJsonObject(value), path);
    const schema = SCHEMA.objects[attribute.object!];
    assert.ok(schema !== undefined, `${path}: ${attribute.object} is not among the objects here`);
    return assertObject(value, schema, path);
  }
  const type = SCHEMA.types[attribute.type]!;
  switch (type.type ?? attribute.type) {
    case "integer_t":
    case "long_t":
      assert.ok(Number.isSafeInteger(value), `${path} is a whole number`);
      break;
    case "string_t": {
      assert.ok(typeof value === "string", `${path} is a text`);
      const { max_len: max = SCHEMA.types["string_t"]!.max_len!, regex } = type;
      assert.ok(value.length <= max, `${path} is longer than ${max}`);
      if (regex !== undefined) assert.match(value, new RegExp(regex), path);
      break;
    }
    default:
      assert.fail(`${path}: no value of ${attribute.type} is expected`);
  }
  assertListed(value, attribute, path, holder);
}

/** An enumerated number is one of the list, and its caption is the list's, but for 99, whose words are the source's own. */
function assertListed(
  value: Json,
  { enum: listed, sibling }: Attribute,
  path: string,
  holder: JsonObject,
): void {
  if (listed === undefined) return;
  const caption = listed[String(value)];
  assert.ok(caption !== undefined, `${path}: ${String(value)} is not in the list`);
  if (sibling === undefined) return;
  const said = holder[sibling];
  if (value === 99) assert.ok(typeof said === "string", `${path}: 99 wants ${sibling}`);
  else if (said !== undefined) assert.equal(said, caption, `${path} and ${sibling}`);
}
