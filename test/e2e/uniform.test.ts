/**
 * Refusals tell nothing: 401 is one answer for every token that is none, 403 one answer for every log that a token is
 * not bound to, there or not, in its words and in the time it takes. Measured on the real parts over one connection.
 */
import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import test, { after, before } from "node:test";
import { makeToken, TOKEN_RANDOM_BYTES } from "../../storage/token.ts";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { call } from "./client.ts";
import { seededRandom } from "./random.ts";
import { until } from "./until.ts";

/** Each kind is asked so often, all kinds in turn, so that a busy machine is busy for all of them. */
const ROUNDS = 150;
/** Between kinds, of the time that a quarter of the answers stays below: what a busy machine adds is not in it. */
const RATIO_MAX = 1.5;
const QUANTILE = 0.25;
/** What is there shows each time; what is only noise does not. */
const ATTEMPTS_MAX = 5;
const EXISTING = "other.orders";

let instance: TestInstance;
let agent: Agent;

before(async () => {
  // Thousands of refusals are measured, not how soon there are too many of them.
  instance = await startInstance({ env: { INDELIBLE_RATE_REFUSED: "0" } });
  agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const body = { name: EXISTING, retention_days: 1 };
  await admin("POST", "/v1/logs", body);
});

after(async () => {
  agent?.destroy();
  await instance?.stop();
});

async function admin<T>(method: string, path: string, body?: object): Promise<T> {
  const reply = await call(instance.url, path, {
    method,
    token: instance.tokens.admin,
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  assert.ok(reply.status < 300, reply.text);
  return reply.json<T>();
}

const newToken = (rights: object) =>
  admin<{ id: string; token: string }>("POST", "/v1/tokens", {
    roles: ["reader", "writer"],
    logs: ["demo"],
    ...rights,
  });

interface Timed {
  readonly status: number;
  /** Without what is each request's own. */
  readonly said: string;
  readonly ms: number;
}

function ask(path: string, token: string): Promise<Timed> {
  const startMs = performance.now();
  const headers = { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const sent = request(instance.url + path, { agent, headers }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part: string) => (text += part));
      answer.once("end", () => {
        const ms = performance.now() - startMs;
        const { "x-request-id": id, date: _, ...rest } = answer.headers;
        const said = JSON.stringify([rest, text.replaceAll(String(id), "ID")]);
        resolve({ status: answer.statusCode!, said, ms });
      });
    });
    sent.once("error", reject);
    sent.end();
  });
}

type Kinds = Readonly<Record<string, () => Promise<Timed>>>;

/** All kinds say one thing, and take as long; what was measured. */
async function assertUniform(kinds: Kinds, status: number): Promise<string> {
  const shown: string[] = [];
  while (shown.length < ATTEMPTS_MAX) {
    const times = await measure(kinds, status, seededRandom(shown.length));
    const values = [...times.values()];
    shown.push([...times].map(([kind, ms]) => `${kind} ${ms.toFixed(3)} ms`).join(", "));
    if (Math.max(...values) / Math.min(...values) < RATIO_MAX) return shown.at(-1)!;
  }
  return assert.fail(`each time some took longer:\n${shown.join("\n")}`);
}

/** Asks for all kinds in turn, in another order each time; by kind, how long it took. */
async function measure(kinds: Kinds, status: number, random: () => number) {
  const times = new Map(Object.keys(kinds).map((kind) => [kind, [] as number[]]));
  const said = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of shuffled(Object.keys(kinds), random)) {
      const answer = await kinds[kind]!();
      assert.equal(answer.status, status, `${kind}: ${answer.said}`);
      said.add(answer.said);
      times.get(kind)!.push(answer.ms);
    }
  }
  assert.equal(said.size, 1, [...said].join("\n"));
  return new Map([...times].map(([kind, all]) => [kind, quantile(all)]));
}

/** Fisher and Yates: what comes before a kind is another one each time. */
function shuffled(names: string[], random: () => number): string[] {
  for (let i = names.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [names[i], names[j]] = [names[j]!, names[i]!];
  }
  return names;
}

function quantile(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * QUANTILE)]!;
}

test("401 is the same for every token that is none", async (t) => {
  const valid = (await newToken({})).token;
  const revoked = await newToken({});
  await admin("DELETE", `/v1/tokens/${revoked.id}`);
  const soon = new Date(Date.now() + 1_500).toISOString();
  const expired = (await newToken({ expires_at: soon })).token;
  await until("it has expired", async () => (await ask("/v1/logs", expired)).status === 401);
  const flip = (text: string, at: number): string =>
    text.slice(0, at) + (text[at] === "a" ? "b" : "a") + text.slice(at + 1);
  const unknown = makeToken(new Uint8Array(TOKEN_RANDOM_BYTES)).token;
  const tokens = {
    unknown,
    "wrong checksum": flip(valid, valid.length - 1),
    "wrong secret": flip(valid, 20),
    "another form": "eyJhbGciOiJub25lIn0.e30.",
    short: "x",
    revoked: revoked.token,
    expired,
  };
  const kinds = Object.entries(tokens).map(
    ([kind, token]) => [kind, () => ask("/v1/logs/demo/entries/0", token)] as const,
  );
  t.diagnostic(await assertUniform(Object.fromEntries(kinds), 401));
});

test("403 is the same for a log that is there and one that is not", async (t) => {
  const { token } = await newToken({});
  const kinds = {
    existing: () => ask(`/v1/logs/${EXISTING}/entries/0`, token),
    absent: () => ask("/v1/logs/other.absent/entries/0", token),
    "the instance's": () => ask("/v1/logs/_system/entries/0", token),
  };
  t.diagnostic(await assertUniform(kinds, 403));
});

test("401 is the same for a log that is there and one that is not", async (t) => {
  const { token } = await newToken({});
  const wrong = `${token.slice(0, -1)}_`;
  const kinds = {
    existing: () => ask(`/tlog/${EXISTING}/checkpoint`, wrong),
    absent: () => ask("/tlog/other.absent/checkpoint", wrong),
  };
  t.diagnostic(await assertUniform(kinds, 401));
});
