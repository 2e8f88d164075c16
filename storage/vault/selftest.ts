/**
 * The lock self-test: 19 calls with the worker's own key that ask whether this store's COMPLIANCE lock holds
 * against everything that is known to have broken one. What decides is never the store's answer alone but
 * the canary, read again after each attack. It leaves one small object, locked for a day. Where there is a key of the
 * store's administrator, those attacks that aim at the canary are tried with it too.
 */
import { VaultError } from "../ports.ts";
import { ATTACKS } from "./attacks.ts";
import type { Attack } from "./attacks.ts";
import { canaryHarm, putCanary } from "./canary.ts";
import type { Canary } from "./canary.ts";
import { isBusy, S3Client } from "./client.ts";
import type { S3Answer, VaultConfig } from "./client.ts";
import { MinioVault } from "./vault.ts";
import { parseLockEnabled } from "./xml.ts";

export interface LockCheck {
  /** 1 to 19. */
  readonly number: number;
  readonly name: string;
  readonly ok: boolean;
  /** Whether a vault that fails it may not be trusted; the others are shown only. */
  readonly decides: boolean;
  /** What the store did, for people. */
  readonly detail: string;
  /** What it was tried on; null where nothing was there to try it on. */
  readonly canary: { readonly key: string; readonly versionId: string } | null;
}

export interface LockSelfTest {
  /** All deciding checks hold: batches may be sealed into this vault. */
  readonly ok: boolean;
  readonly checks: readonly LockCheck[];
}

export interface LockSelfTestOptions {
  /** Now, in milliseconds since the epoch, from which the canary is locked; the store's clock unless given. */
  readonly nowMs?: number;
}

type Verdict = Pick<LockCheck, "ok" | "detail">;

const NOT_RUN: Verdict = { ok: false, detail: "not run: there is no locked object to try it on" };
/** The store or a proxy before it is not ready, which says nothing about its locks. */
const NOT_READY = new Set([429, 502, 503, 504]);

/**
 * Runs all checks in order; takes about 0.2 s on a store near by. Throws `VaultError` `vault_unreachable`
 * where the store does not answer, because that proves neither one nor the other.
 */
export async function runLockSelfTest(
  config: VaultConfig,
  options: LockSelfTestOptions = {},
): Promise<LockSelfTest> {
  const s3 = new S3Client(config);
  const vault = new MinioVault(config);
  const nowMs = options.nowMs ?? (await vault.nowMs());
  const checks: LockCheck[] = [];

  const bucket = await checkBucket(s3);
  const first = { number: 1, name: "the bucket has object lock", decides: false, canary: null };
  checks.push({ ...first, ...bucket });

  const put = await outcomeOf(putCanary(vault, nowMs));
  checks.push({
    number: 2,
    name: "a locked object can be put",
    decides: true,
    ok: !(put instanceof VaultError),
    detail: put instanceof VaultError ? put.message : `version ${put.versionId}`,
    canary: placeOf(put),
  });
  const lock = put instanceof VaultError ? NOT_RUN : await checkLock(vault, put);
  const name = "its lock is COMPLIANCE until the date asked for";
  checks.push({ number: 3, name, decides: true, ...lock, canary: placeOf(put) });

  let canary = put instanceof VaultError || !lock.ok ? undefined : put;
  for (const attack of ATTACKS) {
    const { number, name, decides } = attack;
    if (canary === undefined) {
      checks.push({ number, name, decides, ...NOT_RUN, canary: null });
      continue;
    }
    const { harmed, ...verdict } = await attempt(s3, vault, canary, attack);
    checks.push({ number, name, decides, ...verdict, canary: placeOf(canary) });
    // One that was harmed is replaced, so that each check is judged by what it did itself.
    if (harmed) canary = await putCanary(vault, nowMs);
  }
  return { ok: checks.every((check) => check.ok || !check.decides), checks };
}

/**
 * Tries with the key of the store's administrator what aims at the canary, which the worker's key has put. An administrator may
 * do other things, so nothing counts here but harm. Throws `vault_refused` where the store does not know that key: then
 * nothing was tried.
 */
export async function runAdministratorTest(
  config: VaultConfig,
  { accessKey, secretKey }: Pick<VaultConfig, "accessKey" | "secretKey">,
): Promise<readonly LockCheck[]> {
  const s3 = new S3Client({ ...config, accessKey, secretKey });
  const vault = new MinioVault(config);
  const nowMs = await vault.nowMs();
  let canary = await putCanary(vault, nowMs);
  const { key, versionId } = canary;
  const look = await s3.send({ method: "GET", key, query: { versionId } });
  if (look.status !== 200) {
    const problem = `the administrator's key may not even read the canary (${describe(look)})`;
    throw new VaultError(isBusy(look.status) ? "vault_unreachable" : "vault_refused", problem);
  }
  const checks: LockCheck[] = [];
  for (const attack of ATTACKS.filter(({ aimsAtCanary }) => aimsAtCanary)) {
    const { number, name } = attack;
    const { harmed, detail } = await attempt(s3, vault, canary, attack);
    checks.push({ number, name, decides: true, ok: !harmed, detail, canary: placeOf(canary) });
    if (harmed) canary = await putCanary(vault, nowMs);
  }
  return checks;
}

function placeOf(canary: Canary | VaultError): LockCheck["canary"] {
  if (canary instanceof VaultError) return null;
  const { key, versionId } = canary;
  return { key, versionId };
}

async function checkBucket(s3: S3Client): Promise<Verdict> {
  const answer = await s3.send({ method: "GET", query: { "object-lock": "" } });
  const xml = new TextDecoder().decode(answer.body);
  return { ok: answer.status === 200 && parseLockEnabled(xml), detail: describe(answer) };
}

async function checkLock(vault: MinioVault, canary: Canary): Promise<Verdict> {
  const harm = await canaryHarm(vault, canary);
  return { ok: harm === undefined, detail: harm ?? "as asked" };
}

async function attempt(
  s3: S3Client,
  vault: MinioVault,
  canary: Canary,
  attack: Attack,
): Promise<Verdict & { harmed: boolean }> {
  const answer = await attack.run(s3, canary);
  if (NOT_READY.has(answer.status)) {
    throw new VaultError(
      "vault_unreachable",
      `lock self-test ${attack.number}: ${describe(answer)}`,
    );
  }
  const harm = await canaryHarm(vault, canary);
  const said = describe(answer);
  if (harm !== undefined) return { ok: false, harmed: true, detail: `${said}; ${harm}` };
  return { ok: attack.refused(answer), harmed: false, detail: said };
}

function describe(answer: S3Answer): string {
  return `${answer.status} ${answer.errorCode}`.trim();
}

async function outcomeOf<T>(promise: Promise<T>): Promise<T | VaultError> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof VaultError && error.code !== "vault_unreachable") return error;
    throw error;
  }
}
