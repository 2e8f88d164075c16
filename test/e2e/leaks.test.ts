/**
 * Nothing leaks: an instance is used rightly and wrongly, its parts are killed, a row is altered, and then every line that
 * it printed and every file that it keeps beside the stores is searched for what was sent. Each place has a word of its own.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join, relative } from "node:path";
import test, { after, before } from "node:test";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { call, type Call } from "./client.ts";
import { editLine } from "../../scripts/tamper-demo/index-file.ts";
import { filesOf } from "./folders.ts";
import { until } from "./until.ts";

const LOG = "demo";
const ENTRIES = `/v1/logs/${LOG}/entries`;

let instance: TestInstance;
/** All that was printed by the runs before the present one. */
let printedBefore = "";
const tokens = new Map<string, string>();
const marks = new Map<string, string>();

/** A word that stands nowhere else; `place` says where it was put. */
function mark(place: string): string {
  const word = `mark${marks.size}xq${Buffer.from(place).toString("hex").slice(0, 12)}`;
  marks.set(word, place);
  return word;
}

before(async () => {
  instance = await startInstance();
  tokens.set("the admin's token", instance.tokens.admin);
  tokens.set("the demo token", instance.tokens.demo);
});

after(() => instance?.stop());

const event = (place: string, more: object = {}) => ({
  ...{ action: mark(`${place}, action`), actor: { id: mark(`${place}, actor`) } },
  ...{ details: { [mark(`${place}, member`)]: mark(`${place}, details`) }, ...more },
});

async function ask(status: number, path: string, options: Call & { json?: unknown } = {}) {
  const { json, ...rest } = options;
  const body = json === undefined ? rest.body : JSON.stringify(json);
  const token = rest.token ?? instance.tokens.demo;
  const reply = await call(instance.url, path, { ...rest, token, ...(body ? { body } : {}) });
  assert.equal(reply.status, status, `${path}: ${reply.text}`);
  return reply;
}

/** Bytes that no client library would send; resolves when the other side has closed the connection. */
async function sendBytes(text: string): Promise<void> {
  const { hostname, port } = new URL(instance.url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined);
  socket.resume();
  socket.end(text);
  await once(socket, "close");
}

test("right and wrong requests of every kind", async () => {
  const key = mark("Idempotency-Key");
  await ask(201, ENTRIES, { json: event("an event"), headers: { "idempotency-key": key } });
  await ask(409, ENTRIES, { json: event("an event of the same id", { id: key }) });
  await ask(201, `${ENTRIES}?ack=sealed`, { json: [event("a list"), event("a list's second")] });
  await ask(400, ENTRIES, { json: event("a wrong event", { [mark("a wrong member")]: 1 }) });
  await ask(400, ENTRIES, { body: `{"action":"${mark("broken JSON")}` });
  await ask(400, ENTRIES, { body: Buffer.from(`{"a":"${mark("no UTF-8")}\xff"}`, "latin1"), headers: { "content-type": "application/json" } }); // prettier-ignore
  await ask(413, ENTRIES, { json: event("too large", { details: { x: "x".repeat(70_000) } }) });
  await ask(415, ENTRIES, {
    body: "x",
    headers: { "content-type": `text/${mark("Content-Type")}` },
  });
  await ask(400, `${ENTRIES}?${mark("a parameter's name")}=${mark("a parameter")}`);
  await ask(400, `${ENTRIES}?cursor=${mark("a cursor")}`);
  await ask(404, `/v1/${mark("an address")}`);
  await ask(403, `/v1/logs/${mark("a log's name")}/entries`);
  await ask(405, ENTRIES, { method: "PUT", body: mark("a body that no route takes") });
  await ask(200, ENTRIES, {
    headers: { "x-anything": mark("a header"), cookie: mark("a cookie") },
  });
  const made = await ask(201, "/v1/tokens", {
    token: instance.tokens.admin,
    json: { roles: ["reader"], logs: [LOG] },
  });
  const { id, token } = made.json<{ id: string; token: string }>();
  tokens.set("a made token", token);
  await ask(200, ENTRIES, { token });
  await ask(400, `${ENTRIES}?access_token=${token}`);
  await ask(404, `/${token}`);
  await ask(200, `/v1/tokens/${id}`, { method: "DELETE", token: instance.tokens.admin });
  await ask(401, ENTRIES, { token });
  for (const wrong of [mark("a token"), `eyJ${mark("a JWT")}.e30.x`, `${token.slice(0, -1)}!`]) {
    await ask(401, ENTRIES, { token: wrong, json: event("an event of nobody's") });
  }
  await sendBytes(`${mark("a method")} / HTTP/1.1\r\nHost: x\r\n\r\n`);
  await sendBytes(`GET / HTTP/1.1\r\nHost: x\r\n${mark("a line that is no header")}\r\n\r\n`);
  await sendBytes(
    `POST ${ENTRIES} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${instance.tokens.demo}\r\n` +
      `Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${mark("a wrong chunk")}`,
  );
});

test("parts that are killed under load show their last words", async () => {
  for (const part of ["sqld", "minio", "workerd"] as const) {
    const asking = Array.from({ length: 20 }, (_, i) => {
      const json = event(`an event while ${part} is killed, ${i}`);
      return call(instance.url, ENTRIES, {
        token: instance.tokens.demo,
        body: JSON.stringify(json),
      }).catch(() => null);
    });
    await instance.kill(part);
    await Promise.all(asking);
    await instance.untilOutput(new RegExp(`${part} runs again`, "i"));
  }
  await until("entries are taken again", async () => {
    const body = JSON.stringify(event("an event after all of it"));
    return (
      (await call(instance.url, ENTRIES, { token: instance.tokens.demo, body })).status === 201
    );
  });
});

test("a row that was altered is a 500 with an id that the log has, and no word of the row", async () => {
  await instance.signal("SIGTERM");
  printedBefore += instance.output();
  const word = mark("an altered row");
  editLine(instance.databaseFile, LOG, 1, '"action":"', `"action":"${word}`);
  editLine(instance.databaseFile, LOG, 2, '{"by"', `{${word}"by"`);
  await instance.restart();
  for (const seq of [1, 2]) {
    const reply = await ask(500, `${ENTRIES}/${seq}`);
    const { code, request_id: id } = reply.json<{ code: string; request_id: string }>();
    assert.equal(code, "entry_altered");
    assert.doesNotMatch(reply.text, new RegExp(word));
    assert.equal(reply.headers.get("x-request-id"), id);
    await instance.untilOutput(new RegExp(`"request_id":"${id}"`));
  }
  await ask(500, ENTRIES);
});

test("nothing that was sent stands in what was printed, nor in any file beside the stores", async () => {
  const printed = printedBefore + instance.output();
  const lines = printed.split("\n").filter((line) => line.startsWith("worker | "));
  assert.ok(lines.length > 5);
  for (const line of lines) JSON.parse(line.slice("worker | ".length));
  // oxlint-disable-next-line no-control-regex -- what must not be there
  assert.doesNotMatch(printed, /[\u0000-\u0008\u000b-\u001f\u007f]/);
  search(printed, "the output");
  for await (const { path, bytes } of filesOf(instance.dataDir)) {
    const name = relative(instance.dataDir, path);
    const isStore = /^(libsql|minio)\//.test(name);
    const isToken = name.startsWith("tokens/");
    search(bytes.toString("latin1"), name, isStore ? "tokens" : isToken ? "marks" : "all");
  }
});

test("no secret of the instance is printed, or shown by the list of processes", () => {
  const printed = printedBefore + instance.output();
  const secrets = ["log.key", "minio.json", "minio-kms.json"]
    .map((name) => readFileSync(join(instance.dataDir, "keys", name), "utf8"))
    .flatMap((text) => text.match(/[A-Za-z0-9+/_=-]{20,}/g) ?? []);
  const { parts, index } = instance.running();
  secrets.push(index!.readToken, ...tokens.values());
  assert.ok(secrets.length >= 6);
  for (const { pid } of Object.values(parts)) {
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
    for (const secret of secrets) assert.ok(!command.includes(secret), command);
  }
  for (const secret of secrets) assert.ok(!printed.includes(secret), `${secret.slice(0, 6)}…`);
});

function search(text: string, where: string, what: "all" | "marks" | "tokens" = "all"): void {
  const words = [
    ...(what === "tokens" ? [] : marks),
    ...(what === "marks" ? [] : [...tokens].map(([place, token]) => [token, place] as const)),
  ];
  for (const [word, place] of words) {
    const at = text.indexOf(word);
    assert.ok(at < 0, `${place}, in ${where}: ${text.slice(Math.max(0, at - 200), at + 100)}`);
  }
}
