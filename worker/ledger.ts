/**
 * The Durable Object that owns the ledger of one database: never two at once, never evicted on workerd. It turns
 * calls into flows and their errors into problems; what happens to an entry stands in `storage/flow`.
 */
import { DurableObject } from "cloudflare:workers";
import type { AccessRecord } from "../storage/flow/access-events.ts";
import { AccessLog } from "../storage/flow/access-log.ts";
import { Administration, type Outcome } from "../storage/flow/administration.ts";
import type { Decision } from "../storage/flow/approvals.ts";
import { sleepAtMost } from "../storage/flow/commit.ts";
import { Ledger as LedgerFlow } from "../storage/flow/ledger.ts";
import { frozenRefusal, Refusal } from "../storage/flow/refusal.ts";
import type { LogState } from "../storage/flow/state.ts";
import { LibsqlTokenUses } from "../storage/index/token-uses.ts";
import type { WebhookChange } from "../storage/flow/webhook-change.ts";
import { SYSTEM_LOG } from "../storage/log/entry.ts";
import type { Finding } from "../storage/log/findings.ts";
import { auditFinished, type AuditFinished } from "../storage/log/system-events.ts";
import type { SealRow } from "../storage/ports.ts";
import { auditReadiness, tellAuditor } from "./audit/auditor-stub.ts";
import type { Env } from "./env.ts";
import { InstanceFiles } from "./instance-files.ts";
import type {
  AppendAnswer,
  AppendRequest,
  Asker,
  Bootstrap,
  LedgerApi,
  LedgerForGuard,
  LogStatus,
  MadeLog,
  NewLog,
  NewToken,
  Principal,
  Readiness,
  Result,
  TokenRotation,
  TokenStatus,
} from "./ledger-api.ts";
import { approvalOf, approvalStatus, waitingOf } from "./ledger-approvals.ts";
import { LedgerMetrics } from "./ledger-metrics.ts";
import { approvalRules, ledgerParts, ledgerSettings, type LedgerParts } from "./ledger-parts.ts";
import {
  assertAlive,
  askerOf,
  mayKnow,
  principalOf,
  rotationFields,
  tokenFields,
  madeToken,
  tokenStatus,
} from "./ledger-tokens.ts";
import { ledgerCondition } from "./ledger-condition.ts";
import { problemOf } from "./ledger-problem.ts";
import { openAll } from "./ledger-open.ts";
import { LockWatch } from "./lock-watch.ts";
import { readiness } from "./readiness.ts";
import { report } from "./report.ts";
import { TokenUseKeeper } from "./token-uses.ts";

/** `?ack=sealed` waits this long (PROTOCOL §3). */
const ACK_SEALED_MS = 30_000;

/** Whoever asks whether all is well waits so long for a start that is under way. */
const START_LOOK_MS = 2_000;

/** `drain` has this long; the supervisor waits a little longer, also for a note of which tokens were used. */
const DRAIN_MS = 10_000;
const USES_MS = 1_000;

/** Of it, for reads that wait to be put on record. */
const DRAIN_ACCESS_MS = 2_000;

/** The safety net: an object that was started without anybody asking finds unsealed entries by this alarm. */
const FIRST_ALARM_MS = 5_000;

interface Started {
  readonly parts: LedgerParts;
  readonly ledger: LedgerFlow;
  readonly administration: Administration;
  readonly access: AccessLog;
  readonly lock: LockWatch;
  readonly uses: TokenUseKeeper;
}

export class Ledger extends DurableObject<Env> implements LedgerApi, LedgerForGuard {
  #starting: Promise<Started> | null = null;
  #started: Started | null = null;
  /** Why the last start failed; null while none has. */
  #startProblem: string | null = null;
  #parts: Promise<LedgerParts> | null = null;
  readonly #metrics = new LedgerMetrics();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    void ctx.blockConcurrencyWhile(async () => {
      if ((await ctx.storage.getAlarm()) === null) {
        await ctx.storage.setAlarm(Date.now() + FIRST_ALARM_MS);
      }
    });
  }

  /**
   * Never throws (an alarm that does is dropped after six tries). It starts what is due and does not wait for it: no other
   * alarm comes while a handler runs, and a log's first seal may have to wait for a retry of `_system`'s.
   */
  override async alarm(): Promise<void> {
    try {
      const { ledger, access } = await this.#start();
      access.runDue();
      void ledger.sealer.runDue();
    } catch (error) {
      report("warn", "the alarm could do nothing", { reason: String(error) });
      await this.ctx.storage.setAlarm(Date.now() + FIRST_ALARM_MS);
    }
  }

  admit({ tokenSha256, signedIn, log }: Parameters<LedgerApi["admit"]>[0]) {
    return this.#answer(async ({ ledger, uses }) => {
      const principal = tokenSha256 === null ? null : principalOf(ledger, tokenSha256);
      if (principal !== null) uses.note(principal.tokenId);
      const may = log !== null && mayKnow(ledger, principal ?? signedIn ?? null, log);
      return { principal, log: may ? await this.#status(ledger, log) : null };
    });
  }

  append(request: AppendRequest) {
    return this.#answer(async ({ ledger, uses }): Promise<AppendAnswer> => {
      assertAlive(ledger, request.principal);
      // Who signed in elsewhere has no token here.
      if (ledger.directory.tokens.has(request.principal.tokenId)) {
        uses.note(request.principal.tokenId);
      }
      const { log, principal, events, trace } = request;
      if (log.startsWith("_"))
        throw new Refusal("forbidden", `${log} takes entries from the instance only`);
      const done = await ledger.append({ log, by: principal.by, events, trace });
      const { first, count, places: entries, checkpoint } = done;
      const answer = { log, first, count, entries, checkpoint };
      if (!request.sealed) return answer;
      const state = await ledger.open(log);
      const size = Math.max(...entries.map(({ seq }) => seq)) + 1;
      const sealed = await ledger.sealer.waitSealed(state, size, ACK_SEALED_MS);
      return {
        ...answer,
        sealed,
        checkpoint: (sealed && state.sealed.row?.checkpoint) || checkpoint,
      };
    });
  }

  committedCheckpoint(log: string) {
    return this.#answer(({ ledger }) => ledger.committedCheckpoint(log));
  }

  /** A log that is frozen says so, also one that freezes in the attempt, and one in which nothing waits. */
  seal(log: string) {
    return this.#answer(async ({ ledger }): Promise<SealRow | null> => {
      assertNotFrozen(await ledger.open(log));
      try {
        return await ledger.seal(log);
      } catch (error) {
        assertNotFrozen(await ledger.open(log));
        throw error;
      }
    });
  }

  logs() {
    return this.#answer(({ ledger }) =>
      Promise.all([...ledger.directory.logs.keys()].map((log) => this.#status(ledger, log))),
    );
  }

  createLog(by: Principal, log: NewLog) {
    return this.#answer(async ({ ledger, administration }) => {
      assertAlive(ledger, by);
      const outcome = await administration.createLog(by.by, logFields(log));
      return waitingOf(ledger, outcome) ?? (await this.#made(ledger, log.name, outcome));
    });
  }

  changeLog(by: Principal, log: string, change: Partial<Omit<NewLog, "name">>) {
    return this.#answer(async ({ ledger, administration }) => {
      assertAlive(ledger, by);
      const { retentionDays: days, ...rest } = change;
      const fields = { log, ...rest, ...(days === undefined ? {} : { retention_days: days }) };
      const outcome = await administration.changeLog(by.by, fields);
      return waitingOf(ledger, outcome) ?? (await this.#made(ledger, log, outcome));
    });
  }

  tokens() {
    return this.#answer(async ({ ledger, uses }): Promise<TokenStatus[]> => {
      const lastUsed = await uses.all();
      const tokens = [...ledger.directory.tokens.values()];
      return tokens.map((token) => tokenStatus(token, lastUsed.get(token.id)));
    });
  }

  createToken(by: Asker, token: NewToken) {
    return this.#answer(async ({ ledger, administration }) => {
      const outcome = await administration.createToken(askerOf(ledger, by), tokenFields(token));
      return waitingOf(ledger, outcome) ?? madeToken(ledger, token.id, outcome);
    });
  }

  rotateToken(by: Asker, rotation: TokenRotation) {
    return this.#answer(async ({ ledger, administration }) => {
      const fields = rotationFields(rotation);
      const outcome = await administration.rotateToken(askerOf(ledger, by), fields);
      return waitingOf(ledger, outcome) ?? madeToken(ledger, rotation.to.id, outcome);
    });
  }

  revokeToken(by: Asker, id: string) {
    return this.#answer(async ({ ledger, administration }) =>
      administration.revokeToken(askerOf(ledger, by), id),
    );
  }

  webhooks() {
    return this.#answer(async ({ ledger }) => [...ledger.directory.webhooks.records.values()]);
  }

  changeWebhook(by: Principal, change: WebhookChange) {
    return this.#answer(async ({ ledger, administration }) => {
      assertAlive(ledger, by);
      const outcome = await administration.changeWebhook(by.by, change);
      return waitingOf(ledger, outcome) ?? { sealed: outcome.sealed };
    });
  }

  approvals() {
    return this.#answer(async ({ ledger }) =>
      [...ledger.directory.approvals.records.values()].map(approvalStatus),
    );
  }

  decideApproval(by: Principal, decision: Decision) {
    return this.#answer(async ({ ledger, administration }) => {
      assertAlive(ledger, by);
      const { sealed } = await administration.decide(by.by, decision);
      return { approval: approvalOf(ledger, decision.id), sealed };
    });
  }

  recordAccess(records: readonly AccessRecord[], how: Parameters<LedgerApi["recordAccess"]>[1]) {
    return this.#answer(async ({ access }) => {
      if (how.before) await access.write(records);
      else access.take(records, how.lost);
      return null;
    });
  }

  async ready(): Promise<Readiness> {
    // A start that hangs, because the vault does, is a state like any other.
    await sleepAtMost(
      START_LOOK_MS,
      this.#start().catch(() => {}),
    );
    const { sealSeconds } = ledgerSettings(this.env);
    const audit = auditReadiness(this.env);
    return readiness(
      this.#started,
      this.#startProblem,
      await this.#partsOnce(),
      sealSeconds,
      audit,
    );
  }

  async metrics(): Promise<string> {
    await sleepAtMost(
      START_LOOK_MS,
      this.#start().catch(() => {}),
    );
    return this.#metrics.text(this.#started, Date.now());
  }

  /** For the guard, which keeps what was found last where this throws. */
  async condition(): Promise<Finding[]> {
    return ledgerCondition(await this.#start(), ledgerSettings(this.env).sealSeconds);
  }

  /** Puts the result of an audit on record, once; durable on return. */
  recordAudit(fields: AuditFinished, by: string) {
    return this.#answer(async ({ ledger }) => {
      await ledger.appendSystem(by, [auditFinished(fields, by)]);
      return null;
    });
  }

  bootstrap(first: Bootstrap) {
    return this.#answer(async ({ ledger, administration }) => {
      await administration.bootstrap({
        origin: first.origin,
        systemRetentionDays: first.systemRetentionDays,
        logs: first.logs.map(logFields),
        tokens: first.tokens.map(tokenFields),
      });
      // Keys of logs that nobody has written to since the start are in the folder already; `_system` has a new one.
      const system = await ledger.open(SYSTEM_LOG);
      if (!system.announced) await ledger.announce(system);
      return null;
    });
  }

  async drain() {
    const started = this.#started;
    if (started === null) return { sealed: true, unsealed: {} };
    const deadlineMs = Date.now() + DRAIN_MS;
    await started.access.drain(DRAIN_ACCESS_MS);
    const sealed = await started.ledger.drain(deadlineMs);
    await sleepAtMost(USES_MS, started.uses.flush());
    return { sealed, unsealed: started.ledger.unsealed() };
  }

  async #status(ledger: LedgerFlow, log: string): Promise<LogStatus> {
    const record = ledger.directory.logs.get(log);
    if (record === undefined) throw new Refusal("log_unknown", `there is no log ${log}`);
    const state = await ledger.open(log);
    const trouble = state.frozen ?? state.unsealable;
    return {
      name: log,
      description: record.description,
      public: record.public,
      retentionDays: record.retentionDays,
      origin: `${this.env.INDELIBLE_ORIGIN}/${log}`,
      vkey: await ledger.logVkey(log),
      receiptVkey: await ledger.receiptVkey(log),
      size: state.head.size,
      sealedSize: state.sealed.size,
      lastSeal: state.sealed.row,
      trouble: trouble === null ? null : { code: trouble.code, detail: trouble.hint },
    };
  }

  async #made(ledger: LedgerFlow, log: string, { sealed }: Outcome): Promise<MadeLog> {
    return { log: await this.#status(ledger, log), sealed };
  }

  async #answer<T>(work: (started: Started) => Promise<T>): Promise<Result<T>> {
    try {
      const started = this.#started ?? (await this.#start());
      await started.ledger.current();
      return { ok: true, value: await work(started) };
    } catch (error) {
      return { ok: false, problem: problemOf(error) };
    }
  }

  #partsOnce(): Promise<LedgerParts> {
    this.#parts ??= ledgerParts(this.env, this.ctx.storage, this.#metrics);
    return this.#parts;
  }

  /** One start at a time; one that failed is tried again by whoever comes next. */
  #start(): Promise<Started> {
    this.#starting ??= this.#startNow().catch((error: unknown) => {
      this.#starting = null;
      this.#startProblem = error instanceof Error ? error.message : String(error);
      throw error;
    });
    return this.#starting;
  }

  async #startNow(): Promise<Started> {
    const parts = await this.#partsOnce();
    const files = new InstanceFiles(this.env, parts);
    const ledger = await LedgerFlow.start(parts, ledgerSettings(this.env), files);
    const lock = new LockWatch(this.env, ledger);
    const administration = new Administration(ledger, approvalRules(this.env));
    const uses = new TokenUseKeeper(new LibsqlTokenUses(parts.index.connection), Date.now, report);
    const access = new AccessLog(ledger, parts);
    this.#started = { parts, ledger, administration, access, lock, uses };
    this.#startProblem = null;
    void tellAuditor(this.env, []);
    await lock.begin();
    // Not awaited: a log that is asked for is opened at once, the others in their turn.
    void openAll(ledger).catch((error: unknown) => {
      report("warn", "not every log could be opened", { reason: String(error) });
    });
    return this.#started;
  }
}

function assertNotFrozen({ frozen }: LogState): void {
  if (frozen !== null) throw frozenRefusal(frozen);
}

function logFields({ name, retentionDays, description, public: isPublic }: NewLog) {
  return { log: name, retention_days: retentionDays, description, public: isPublic };
}
