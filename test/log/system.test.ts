/** The directory of an instance, folded from entries of `_system`. */
import assert from "node:assert/strict";
import test from "node:test";
import { decodeLine, encodeLine } from "../../storage/log/entry.ts";
import { LogError } from "../../storage/log/errors.ts";
import { parseEvent, type Event } from "../../storage/log/event.ts";
import { ZERO_HASH } from "../../storage/log/hash.ts";
import { parseJson } from "../../storage/log/json.ts";
import {
  actorOf,
  Directory,
  instanceCreated,
  instanceUnproven,
  keyAnnounced,
  logChanged,
  logCreated,
  logRecovered,
  tokenCreated,
  tokenRevoked,
  webhookChanged,
  webhookCreated,
  webhookDeleted,
  webhookRotated,
  type TokenCreated,
} from "../../storage/log/system.ts";
import { logSigner, receiptSigner } from "./demo-log.ts";

/** Folds events as the entries of a fresh `_system`; `by` is who wrote them. */
function fold(
  events: readonly Event[],
  directory = new Directory(),
  by = "token:admin1",
): Directory {
  for (const event of events) directory.apply(entryOf(event, directory.size, by));
  return directory;
}

function entryOf(event: Event, seq: number, by = "system") {
  const line = encodeLine({
    by,
    event: event.text,
    log: "_system",
    prev: ZERO_HASH,
    salt: "QRJUjHKRwVCeo8MhmleRjg",
    seq,
    time: `2026-10-24T00:00:00.${String(seq % 1000).padStart(3, "0")}Z`,
  });
  return decodeLine(line);
}

const raw = (action: string, details: object): Event =>
  parseEvent(parseJson(JSON.stringify({ action, actor: actorOf("system"), details })));

const created = instanceCreated({ origin: "test.example", format: "indelible/1" });
const demo = logCreated({ log: "demo", retention_days: 30, description: "d", public: false });
const tokenFields: TokenCreated = {
  id: "abc",
  roles: ["reader", "writer"],
  logs: ["demo", "acme.*"],
  expires_at: "2027-01-01T00:00:00+01:00",
  networks: ["10.0.0.0/8"],
  description: "for a test",
  sha256: "a".repeat(64),
};

test("an instance, its logs, and what changed about them", () => {
  const directory = fold([
    created,
    logCreated({ log: "_system", retention_days: 1, description: "", public: false }),
    demo,
    logChanged({ log: "demo", retention_days: 60 }),
    logChanged({ log: "demo", public: true, description: "new" }),
  ]);
  assert.equal(directory.origin, "test.example");
  assert.equal(directory.size, 5);
  assert.deepEqual([...directory.logs.keys()], ["_system", "demo"]);
  assert.deepEqual(directory.logs.get("demo"), {
    name: "demo",
    retentionDays: 60,
    description: "new",
    public: true,
    createdAt: "2026-10-24T00:00:00.002Z",
    seq: 2,
  });
});

test("tokens are found by id and by hash until they are revoked", () => {
  const directory = fold([created, tokenCreated(tokenFields, "token:admin1")]);
  const token = directory.tokens.get("abc");
  assert.deepEqual(token, {
    id: "abc",
    roles: ["reader", "writer"],
    logs: ["demo", "acme.*"],
    expiresAt: "2027-01-01T00:00:00+01:00",
    rotatedUntil: null,
    endsAtMs: Date.UTC(2026, 11, 31, 23),
    networks: ["10.0.0.0/8"],
    description: "for a test",
    sha256: "a".repeat(64),
    createdAt: "2026-10-24T00:00:00.001Z",
    createdBy: "token:admin1",
    revokedAt: null,
    replaces: null,
    replacedBy: null,
  });
  assert.equal(directory.tokenBySha256.get("a".repeat(64)), token);
  fold([tokenRevoked({ id: "abc" }), tokenRevoked({ id: "abc" })], directory);
  assert.equal(directory.tokenBySha256.size, 0);
  assert.equal(directory.tokens.get("abc")?.revokedAt, "2026-10-24T00:00:00.002Z");
  fold(
    [tokenCreated({ ...tokenFields, id: "def", expires_at: null, sha256: "b".repeat(64) })],
    directory,
  );
  assert.equal(directory.tokens.get("def")?.endsAtMs, Number.POSITIVE_INFINITY);
});

test("a rotated token ends with its overlap, and for a reader of old with the entry itself", () => {
  const revoked = tokenRevoked({ id: "abc", to: "def", ends_at: "2026-10-25T00:00:00Z" });
  const rotated = fold([
    created,
    tokenCreated(tokenFields),
    tokenCreated({ ...tokenFields, id: "def", sha256: "b".repeat(64), replaces: "abc" }),
    revoked,
  ]);
  const old = rotated.tokens.get("abc")!;
  assert.deepEqual([old.replacedBy, old.revokedAt], ["def", null]);
  assert.equal(old.endsAtMs, Date.UTC(2026, 9, 25));
  assert.equal(rotated.tokenBySha256.get(old.sha256), old);
  assert.equal(rotated.tokens.get("def")?.replaces, "abc");
  // The word is one that every reader knows.
  assert.match(revoked.text, /"action":"token.revoked"/);

  // An overlap prolongs nothing, and nothing gives a revoked token back.
  const late = { id: "abc", to: "ghi", ends_at: "2099-01-01T00:00:00Z" };
  fold([tokenRevoked(late)], rotated);
  assert.equal(rotated.tokens.get("abc")!.endsAtMs, Date.UTC(2026, 9, 25));
  fold([tokenRevoked({ id: "abc" }), tokenRevoked(late)], rotated);
  assert.equal(rotated.tokenBySha256.has(old.sha256), false);
  assert.notEqual(rotated.tokens.get("abc")!.revokedAt, null);
  fold([tokenRevoked({ id: "def", to: "ghi" })], rotated);
  assert.equal(rotated.tokens.get("def")!.endsAtMs, Date.parse("2026-10-24T00:00:00.007Z"));
});

test("keys, recoveries and doubtful starts are kept in order", () => {
  const memo = { size: 9, leaf: "c".repeat(64) };
  const recovery = {
    log: "demo",
    reason: "index_behind",
    kept: 7,
    missing_from: 7,
    missing_to: 9,
    memo,
  };
  const directory = fold([
    created,
    keyAnnounced({ log: "demo", use: "log", vkey: logSigner.vkey }),
    keyAnnounced({ log: "demo", use: "receipt", vkey: receiptSigner.vkey }),
    logRecovered(recovery),
    logRecovered({ ...recovery, missing_from: null, missing_to: null, memo: null }),
    instanceUnproven({ logs: ["demo"] }),
  ]);
  assert.deepEqual(
    directory.keys.get("demo")?.map(({ use, vkey }) => [use, vkey]),
    [
      ["log", logSigner.vkey],
      ["receipt", receiptSigner.vkey],
    ],
  );
  assert.deepEqual(directory.recovered.get("demo")?.[0], {
    ...recovery,
    at: "2026-10-24T00:00:00.003Z",
  });
  assert.equal(directory.recovered.get("demo")?.[1]?.memo, null);
  assert.deepEqual(directory.unproven, [{ logs: ["demo"], at: "2026-10-24T00:00:00.005Z" }]);
});

test("words and fields that are not known are passed over", () => {
  const directory = fold([
    created,
    raw("log.painted", { log: "demo", colour: "red" }),
    raw("log.created", {
      log: "new",
      retention_days: 1,
      description: "",
      public: false,
      seal_seconds: 5,
    }),
    parseEvent(parseJson('{"action":"something.else","actor":{"id":"x"}}')),
  ]);
  assert.equal(directory.size, 4);
  assert.deepEqual([...directory.logs.keys()], ["new"]);
});

test("known words with fields they cannot have change nothing, and are remembered", () => {
  const good = { log: "x", retention_days: 1, description: "", public: false };
  const bad: Event[] = [
    created,
    raw("log.created", { ...good, retention_days: 0 }),
    raw("log.created", { ...good, retention_days: 36_501 }),
    raw("log.created", { ...good, retention_days: 1.5 }),
    raw("log.created", { ...good, retention_days: "1" }),
    raw("log.created", { ...good, log: "X" }),
    raw("log.created", { ...good, public: 1 }),
    raw("log.created", { ...good, description: null }),
    raw("log.created", {}),
    demo,
    raw("log.changed", { log: "unknown", public: true }),
    raw("log.changed", { log: "demo", public: null }),
    raw("key.announced", { log: "demo", use: "both", vkey: logSigner.vkey }),
    raw("key.announced", { log: "demo", use: "log", vkey: "x" }),
    raw("token.created", { ...tokenFields, sha256: "x" }),
    raw("token.created", { ...tokenFields, expires_at: "soon" }),
    raw("token.created", { ...tokenFields, roles: "admin" }),
    tokenCreated(tokenFields),
    raw("token.revoked", { id: "nobody" }),
    raw("token.revoked", { id: "abc", to: 5 }),
    raw("token.revoked", { id: "abc", to: "def", ends_at: "tomorrow" }),
    raw("token.created", { ...tokenFields, id: "def", replaces: null }),
    raw("log.recovered", {
      log: "demo",
      reason: "",
      kept: -1,
      missing_from: null,
      missing_to: null,
      memo: null,
    }),
    raw("log.recovered", {
      log: "demo",
      reason: "",
      kept: 1,
      missing_from: null,
      missing_to: null,
      memo: { size: 1 },
    }),
    raw("instance.unproven", { logs: "demo" }),
  ];
  const base = () => fold([created, demo, tokenCreated(tokenFields)]);
  for (const event of bad) {
    const directory = base();
    const state = () =>
      JSON.stringify([directory.origin, [...directory.logs], [...directory.tokens]]);
    const before = state();
    fold([event], directory);
    assert.equal(state(), before, event.text);
    assert.deepEqual(
      directory.unreadable.map(({ seq }) => seq),
      [3],
      event.text,
    );
    assert.equal(directory.size, 4);
  }
});

test("entries are folded in order, each once", () => {
  const directory = fold([created]);
  assert.throws(() => directory.apply(entryOf(demo, 2)), LogError);
  assert.throws(() => directory.apply(entryOf(created, 0)), LogError);
  directory.apply(entryOf(demo, 1));
  assert.equal(directory.size, 2);
});

test("who asked is the actor, cut to what an actor's id may hold", () => {
  assert.deepEqual(actorOf("system"), { id: "indelible", type: "system" });
  assert.deepEqual(actorOf("token:abc"), { id: "token:abc", type: "token" });
  const long = `oidc:${"é".repeat(300)}#s`;
  const { id, type } = actorOf(long);
  assert.deepEqual([[...id].length, type], [256, "oidc"]);
  assert.match(
    logCreated({ log: "x", retention_days: 1, description: "", public: true }, long).text,
    /"type":"oidc"/,
  );
});

test("a hundred thousand entries fold", () => {
  const directory = fold([created]);
  const { eventJson } = entryOf(tokenCreated(tokenFields), 1);
  for (let seq = 1; seq <= 100_000; seq++) {
    const details = {
      ...(eventJson["details"] as object),
      id: `t${seq}`,
      sha256: String(seq).padStart(64, "0"),
    };
    directory.apply({
      action: "token.created",
      by: "system",
      eventJson: { ...eventJson, details },
      seq,
      time: "2026-10-24T00:00:00.000Z",
    });
  }
  assert.equal(directory.tokenBySha256.size, 100_000);
});

test("webhooks come, change and go; what cannot be changes nothing", () => {
  const [a, b] = ["a".repeat(64), "b".repeat(64)];
  const hook = {
    ...{ id: "h1", format: "standard", severity: "warning", description: "d" },
    ...{ address: "https://hooks.example.org", target_sha256: a },
  };
  const directory = fold([
    created,
    webhookCreated(hook),
    webhookChanged({ id: "h1", target_sha256: b, enabled: false }),
    webhookRotated({ id: "h1", ends_at: "2026-11-24T00:00:00.000Z" }),
  ]);
  const { records } = directory.webhooks;
  const { targetSha256, enabled, severity, address } = records.get("h1")!;
  assert.deepEqual([targetSha256, enabled, severity, address], [b, false, "warning", hook.address]);
  fold(
    [
      webhookCreated(hook),
      webhookChanged({ id: "h2", enabled: true }),
      webhookChanged({ id: "h1", target_sha256: "x" }),
      webhookRotated({ id: "h1", ends_at: "soon" }),
      webhookDeleted({ id: "h2" }),
    ],
    directory,
  );
  assert.equal(directory.unreadable.length, 5);
  assert.equal(records.get("h1")!.targetSha256, b);
  fold([webhookDeleted({ id: "h1" })], directory);
  assert.equal(records.size, 0);
});
