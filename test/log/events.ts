/** Random events and lines that are right, for properties. */
import fc from "fast-check";
import { encodeUtf8, toBase64Url } from "../../storage/log/bytes.ts";
import type { EntryFields } from "../../storage/log/entry.ts";
import { hasControl } from "../../storage/log/event.ts";
import { encodeJson, type Json } from "../../storage/log/json.ts";
import { json } from "./json-values.ts";

const any = (max: number) => fc.string({ unit: "binary", maxLength: max });
const plain = (max: number) =>
  fc
    .string({
      unit: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...'abz09.-_"\\/ éж€😀') }, wide),
      minLength: 1,
      maxLength: max,
    })
    .filter((text) => text.length > 0 && [...text].length <= max);
const wide = fc
  .string({ unit: "binary", minLength: 1, maxLength: 1 })
  .filter((char) => !hasControl(char));

const optional = { requiredKeys: [] as [] };
const party = fc.record(
  { id: plain(256), type: plain(64), name: any(256) },
  { requiredKeys: ["id"] },
);
const when = fc
  .tuple(
    fc.date({
      min: new Date("0001-01-01T00:00:00Z"),
      max: new Date("9999-12-31T00:00:00Z"),
      noInvalidDate: true,
    }),
    fc.constantFrom("", ".1", ".123456789"),
    fc.constantFrom("Z", "+00:00", "-23:59", "+14:00"),
  )
  .map(([date, fraction, zone]) => date.toISOString().slice(0, 19) + fraction + zone);
const context = fc.record(
  {
    ip: any(512),
    user_agent: any(512),
    location: any(512),
    request_id: any(512),
    session_id: any(512),
    trace_id: any(512),
  },
  optional,
);

/** An event as an application may send it. */
export const eventValue: fc.Arbitrary<{ [name: string]: Json }> = fc.record(
  {
    action: plain(256),
    actor: party,
    targets: fc.array(party, { minLength: 1, maxLength: 4 }),
    outcome: fc.constantFrom("success", "failure", "denied"),
    occurred_at: when,
    id: plain(128),
    context,
    details: fc.dictionary(fc.oneof(any(8), fc.constantFrom("a", "b", "1")), json, { maxKeys: 5 }),
  },
  { requiredKeys: ["action", "actor"] },
);

const hash = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString("hex"));

/** Everything that a line is made of. */
export const lineFields: fc.Arbitrary<EntryFields> = fc.record({
  by: fc.oneof(
    fc.constantFrom("system", "token:vector01", "oidc:https://issuer.example#sub"),
    plain(100).map((id) => `token:${id}`),
    fc.tuple(plain(50), plain(50)).map(([iss, sub]) => `oidc:${iss.replaceAll("#", "")}i#${sub}`),
  ),
  event: eventValue.map(encodeJson).filter((event) => encodeUtf8(event).length < 65_000),
  log: fc.constantFrom("demo", "_system", "_access", "a.b_c-d", "x".repeat(64)),
  prev: hash,
  salt: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(toBase64Url),
  seq: fc.oneof(fc.nat(), fc.maxSafeNat()),
  time: fc
    .date({
      min: new Date("0000-01-01T00:00:00Z"),
      max: new Date("9999-12-31T23:59:59Z"),
      noInvalidDate: true,
    })
    .map((date) => date.toISOString()),
});
