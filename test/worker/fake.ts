/**
 * The HTTP side with stand-ins behind it: an index and a vault in memory, and a ledger that places entries
 * one by one, seals when told to, and knows tokens and logs. Real lines, leaves, trees and signatures, so
 * what the routes answer can be checked as a client would. The real ledger is tested on the real parts.
 */
import { createHash } from "node:crypto";
import { createApp } from "../../worker/app.ts";
import { AccessRecorder } from "../../worker/access-recorder.ts";
import { AdmitCache } from "../../worker/admit.ts";
import type { Services } from "../../worker/ask.ts";
import type { Role } from "../../worker/ledger-api.ts";
import { AnswerRoom } from "../../worker/answer-room.ts";
import { BodyRooms } from "../../worker/body-room.ts";
import { Limits } from "../../worker/limits.ts";
import { HttpMetrics } from "../../worker/metrics.ts";
import type { ProblemError } from "../../worker/problem.ts";
import { ReadinessCache } from "../../worker/readiness-cache.ts";
import { SessionBook, type SessionRecord } from "../../worker/session/book.ts";
import { Networks } from "../../storage/networks.ts";
import { makeToken, TOKEN_RANDOM_BYTES } from "../../storage/token.ts";
import { MemoryIndex } from "../index/memory-index.ts";
import { MemoryVault } from "../vault/memory-vault.ts";
import { FakeAuditor } from "./fake-auditor.ts";
import { fakeSearch } from "./fake-search.ts";
import { FakeLedger } from "./fake-ledger.ts";
import { fakeKeeper } from "./fake-webhooks.ts";

export interface Fake {
  readonly ledger: FakeLedger;
  readonly auditor: FakeAuditor;
  readonly index: MemoryIndex;
  readonly vault: MemoryVault;
  readonly services: Services;
  /** What was reported to the operator. */
  readonly reported: ProblemError[];
  /** A token with these roles for these logs. */
  token(roles: readonly Role[], logs?: readonly string[]): string;
  /** Sends a request through the app. */
  ask(method: string, path: string, options?: AskOptions): Promise<Response>;
}

export interface AskOptions {
  readonly token?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON; text and bytes as they are. */
  readonly body?: unknown;
  /** Scheme and host. */
  readonly base?: string;
}

export const LOG = "acme.orders";
export const OTHER_LOG = "zeta.orders";
export const PUBLIC_LOG = "acme.public";

/** An app over an instance with three logs. */
export async function makeFake(changes: Partial<Services> = {}): Promise<Fake> {
  const index = new MemoryIndex();
  const vault = new MemoryVault();
  const ledger = await FakeLedger.start(index, vault);
  for (const name of ["_system", "_access", LOG, OTHER_LOG]) ledger.addLog(name, false);
  ledger.addLog(PUBLIC_LOG, true);
  const auditor = new FakeAuditor();
  // The audit that `pathOf` leads to.
  auditor.add({ log: LOG });
  const reported: ProblemError[] = [];
  const services: Services = {
    ...{ ledger, auditor },
    webhooks: await fakeKeeper(ledger),
    index: () => index,
    search: () => fakeSearch(index),
    vault: () => vault,
    sha256: (data) => createHash("sha256").update(data).digest(),
    nowMs: Date.now,
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
    admitted: new AdmitCache(),
    signIn: null,
    cheat: null,
    sessions: new SessionBook(memoryRecords(), "now"),
    readiness: new ReadinessCache(),
    http: new HttpMetrics(),
    access: new AccessRecorder(),
    later: () => {},
    limits: new Limits(),
    bodyRooms: new BodyRooms(),
    answerRoom: new AnswerRoom(),
    addressing: { onEdge: true, trustedProxies: new Networks([]) },
    corsOrigins: new Set(),
    report: (_, problem) => void reported.push(problem),
    tracing: null,
    ...changes,
  };
  const app = createApp(() => services);
  return {
    ...{ ledger, auditor, index, vault, services, reported },
    token(roles, logs = [LOG]) {
      const { id, token } = makeToken(services.randomBytes(TOKEN_RANDOM_BYTES));
      ledger.addToken(id, token, roles, logs);
      return token;
    },
    async ask(method, path, { token, headers = {}, body, base = "http://localhost" } = {}) {
      const authorization: Record<string, string> =
        token === undefined ? {} : { authorization: `Bearer ${token}` };
      const request = new Request(base + path, {
        method,
        headers: { ...typeOf(body), ...authorization, ...headers },
        ...(body === undefined ? {} : { body: textOf(body), duplex: "half" }),
      });
      return app.fetch(request, {});
    },
  };
}

/** What a Durable Object's storage would keep. */
export function memoryRecords() {
  const kept = new Map<string, SessionRecord>();
  return {
    get: async (key: string) => kept.get(key),
    put: async (key: string, record: SessionRecord) => void kept.set(key, record),
    delete: async (key: string) => kept.delete(key),
    list: async ({ prefix }: { readonly prefix: string }) =>
      new Map([...kept].filter(([key]) => key.startsWith(prefix))),
  };
}

function typeOf(body: unknown): Record<string, string> {
  return body === undefined ? {} : { "content-type": "application/json" };
}

function textOf(body: unknown): string | Uint8Array | ReadableStream {
  const isRaw =
    typeof body === "string" || body instanceof Uint8Array || body instanceof ReadableStream;
  return isRaw ? body : JSON.stringify(body);
}

/** A problem document's members. */
export interface ProblemDocument {
  readonly code: string;
  readonly status: number;
  readonly detail: string;
  readonly request_id: string;
  readonly errors?: { pointer: string; detail: string }[];
  readonly [member: string]: unknown;
}

export async function problemIn(response: Response): Promise<ProblemDocument> {
  const type = response.headers.get("content-type");
  if (type !== "application/problem+json") {
    throw new Error(`${response.status} ${type}: ${await response.text()}`);
  }
  return (await response.json()) as ProblemDocument;
}

export function event(action: string, members: Record<string, unknown> = {}) {
  return { action, actor: { id: "u-1", name: "Ada" }, ...members };
}
