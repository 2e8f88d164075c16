/** What stands behind the HTTP side in a real worker. */
import { LibsqlIndex } from "../storage/index/index.ts";
import type { Issuer } from "../storage/issuers.ts";
import { MinioVault } from "../storage/vault/vault.ts";
import { Networks } from "../storage/networks.ts";
import { webhooksOf } from "./alerts/stub.ts";
import { AccessRecorder } from "./access-recorder.ts";
import type { AddressSettings } from "./address.ts";
import { AdmitCache } from "./admit.ts";
import type { Services } from "./ask.ts";
import { auditorOf } from "./audit/auditor-stub.ts";
import { AnswerRoom } from "./answer-room.ts";
import { BodyRooms } from "./body-room.ts";
import { indexConfigOf, issuersOf, vaultConfigOf, type Env } from "./env.ts";
import { ledgerOf } from "./ledger-stub.ts";
import { Limits, limitSettingsOf } from "./limits.ts";
import { report } from "./report.ts";
import { HttpMetrics } from "./metrics.ts";
import { issuerKeysOf } from "./oidc/issuer-keys-stub.ts";
import { RefusalLines } from "./oidc/refusal-lines.ts";
import { SignIn, SignInMemory } from "./oidc/sign-in.ts";
import { SignInRefused } from "./oidc/verify.ts";
import { searchPartsOf } from "./search/parts.ts";
import { sha256 } from "./sha256.ts";
import type { ProblemError } from "./problem.ts";
import { ReadinessCache } from "./readiness-cache.ts";
import { sessionsOf } from "./session/page-sessions.ts";
import { tracingOf } from "./tracing/of-env.ts";

/** Memory of the isolate: it holds no connection, so requests may share it. */
const admitted = new AdmitCache();
const readiness = new ReadinessCache();
const http = new HttpMetrics();
export const access = new AccessRecorder();
const bodyRooms = new BodyRooms();
const answerRoom = new AnswerRoom();

const signInMemory = new SignInMemory();
const refusals = new RefusalLines(report);

let addressing: AddressSettings | null = null;

/** Only workerd of our own knows where it listens. */
function addressingOf(env: Env): AddressSettings {
  addressing ??= {
    onEdge: env.INDELIBLE_LISTEN === undefined,
    trustedProxies: new Networks(textsOf(env.INDELIBLE_TRUSTED_PROXIES)),
  };
  return addressing;
}

let limits: Limits | null = null;

function limitsOf(env: Env): Limits {
  limits ??= new Limits(limitSettingsOf(env));
  return limits;
}

let corsOrigins: ReadonlySet<string> | null = null;

function corsOriginsOf(env: Env): ReadonlySet<string> {
  corsOrigins ??= new Set(textsOf(env.INDELIBLE_CORS_ORIGINS));
  return corsOrigins;
}

let issuers: ReadonlyMap<string, Issuer> | null = null;

function signInOf(env: Env): SignIn | null {
  issuers ??= new Map(issuersOf(env).map((issuer) => [issuer.issuer, issuer]));
  return issuers.size === 0 ? null : new SignIn(issuers, signInMemory, issuerKeysOf(env));
}

/** Texts with commas between them. */
function textsOf(list: string | undefined): string[] {
  return (list ?? "").split(",").filter((text) => text !== "");
}

/** Only where both are there: the binding and the secret are the supervisor's to give. */
function cheatOf({ CHEATER: cheater, INDELIBLE_CHEATER_SECRET: secret }: Env): Services["cheat"] {
  if (cheater === undefined || secret === undefined) return null;
  return (wanted) => {
    const headers = { authorization: `Bearer ${secret}`, "content-type": "application/json" };
    const body = JSON.stringify(wanted);
    return cheater.fetch("http://cheater/", { method: "POST", headers, body });
  };
}

/** The services of one request. Connections are made when they are used, and never shared: workerd ties them to a request. */
export function openServices(env: Env, later: Services["later"]): Services {
  return {
    ledger: ledgerOf(env),
    webhooks: webhooksOf(env),
    auditor: auditorOf(env),
    index: () => new LibsqlIndex(indexConfigOf(env)),
    search: () => searchPartsOf(env, () => new LibsqlIndex(indexConfigOf(env)).connection),
    vault: () => new MinioVault(vaultConfigOf(env)),
    sha256,
    nowMs: Date.now,
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
    admitted,
    signIn: signInOf(env),
    cheat: cheatOf(env),
    sessions: sessionsOf(env),
    readiness,
    http,
    access,
    later,
    limits: limitsOf(env),
    bodyRooms,
    answerRoom,
    addressing: addressingOf(env),
    corsOrigins: corsOriginsOf(env),
    report: reportProblem,
    tracing: tracingOf(env),
  };
}

/** One line for the operator, with what the sender is not told. */
export function reportProblem(
  requestId: string,
  { code, detail, cause }: ProblemError,
  traceId?: string,
): void {
  if (cause instanceof SignInRefused) return refusals.add(requestId, cause.message, Date.now());
  const reason = cause instanceof Error ? (cause.stack ?? cause.message) : cause;
  const ids = { request_id: requestId, ...(traceId === undefined ? {} : { trace_id: traceId }) };
  report("error", "a request failed", { ...ids, code, detail, reason });
}
