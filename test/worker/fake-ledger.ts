/** A ledger without a Durable Object, for tests of the HTTP side: one entry at a time, no crash, no clock trouble. */
import { createHash } from "node:crypto";
import { encodeUtf8, toBase64Url, toHex } from "../../storage/log/bytes.ts";
import { signCheckpoint } from "../../storage/log/checkpoint.ts";
import { encodeLine } from "../../storage/log/entry.ts";
import type { WebhookChange } from "../../storage/flow/webhook-change.ts";
import type { AccessRecord } from "../../storage/flow/access-events.ts";
import { ChunkBuilder, EMPTY_HEAD, treeAt } from "../../storage/flow/chunk.ts";
import { seedSigner } from "../../storage/keys.ts";
import type { SealRow, Signer } from "../../storage/ports.ts";
import type {
  ApprovalStatus,
  AppendAnswer,
  AppendRequest,
  Asker,
  Bootstrap,
  LedgerApi,
  LogStatus,
  MadeLog,
  MadeToken,
  NewLog,
  NewToken,
  Principal,
  Problem,
  Readiness,
  Result,
  Role,
  TokenRotation,
  TokenStatus,
  Waiting,
} from "../../worker/ledger-api.ts";
import type { MemoryIndex } from "../index/memory-index.ts";
import type { MemoryVault } from "../vault/memory-vault.ts";
import { FakeWebhookRecords } from "./fake-webhooks.ts";

const ORIGIN = "test.indelible.local";
const DAY_MS = 86_400_000;

export class FakeLedger implements LedgerApi {
  readonly logStatus = new Map<string, LogStatus>();
  readonly tokenStatus = new Map<string, TokenStatus & { readonly sha256: string }>();
  /** What was asked for, for assertions. */
  readonly calls: string[] = [];
  /** What was put on record, in order. */
  readonly accessed: (AccessRecord & { readonly before: boolean })[] = [];
  bootstrapped: Bootstrap | null = null;
  /** Answers that come instead of the usual ones, by method. */
  refusals: Partial<Record<"admit" | "append" | "recordAccess" | "seal", Problem>> = {};
  readiness: Readiness = { state: "ready", parts: { index: { ok: true, problems: [] } } };
  /** What an append with `sealed` says. */
  seals = true;
  /** What an append with this many events of a log throws, as a broken stub does. */
  broken: Error | null = null;
  readonly approvalStatus = new Map<string, ApprovalStatus>();
  /** What comes in place of every change; null: changes are made. */
  waiting: ApprovalStatus | null = null;
  readonly webhookRecords = new FakeWebhookRecords();
  readonly #index: MemoryIndex;
  readonly #vault: MemoryVault;
  readonly #logKey: Signer;
  readonly #receiptKey: Signer;

  static async start(index: MemoryIndex, vault: MemoryVault): Promise<FakeLedger> {
    const logKey = await seedSigner(new Uint8Array(32).fill(1));
    return new FakeLedger(index, vault, logKey, await seedSigner(new Uint8Array(32).fill(2)));
  }

  private constructor(index: MemoryIndex, vault: MemoryVault, logKey: Signer, receiptKey: Signer) {
    this.#index = index;
    this.#vault = vault;
    this.#logKey = logKey;
    this.#receiptKey = receiptKey;
  }

  addLog(name: string, isPublic: boolean, retentionDays = 1, description = ""): void {
    this.logStatus.set(name, {
      ...{ name, description, public: isPublic, retentionDays, origin: `${ORIGIN}/${name}` },
      ...{ vkey: "", receiptVkey: "", size: 0, sealedSize: 0, lastSeal: null, trouble: null },
    });
  }

  addToken(id: string, token: string, roles: readonly Role[], logs: readonly string[]): void {
    const sha256 = sha256Hex(encodeUtf8(token));
    this.#putToken({
      ...{ id, sha256, roles, logs },
      ...{ expiresAt: null, networks: [], description: "" },
    });
  }

  #putToken(token: NewToken): TokenStatus {
    const status = {
      ...token,
      ...{ createdAt: time(Date.now()), createdBy: "token:maker", revokedAt: null },
      ...{ replaces: null, replacedBy: null, rotatedUntil: null, lastUsedAt: null },
    };
    this.tokenStatus.set(token.id, status);
    return status;
  }

  async admit(query: { tokenSha256: string | null; log: string | null }) {
    this.calls.push(`admit ${query.log}`);
    if (this.refusals.admit !== undefined && query.log !== null) return no(this.refusals.admit);
    const log = query.log === null ? null : await this.#status(query.log);
    return yes({ principal: this.#principal(query.tokenSha256), log });
  }

  #principal(sha256: string | null): Principal | null {
    const token = [...this.tokenStatus.values()].find((known) => known.sha256 === sha256);
    if (token === undefined || token.revokedAt !== null) return null;
    const { id, roles, logs, expiresAt, networks } = token;
    return { tokenId: id, by: `token:${id}`, roles, logs, expiresAt, networks };
  }

  async append(request: AppendRequest): Promise<Result<AppendAnswer>> {
    this.calls.push(`append ${request.log} ${request.events.length}`);
    if (this.broken !== null) throw this.broken;
    if (this.refusals.append !== undefined) return no(this.refusals.append);
    const { log, principal, events } = request;
    const head = this.#index.store.heads.get(log) ?? EMPTY_HEAD;
    const builder = new ChunkBuilder(log, head);
    const entries = events.map(({ text }) => {
      const [seq, now] = [builder.size, time(Date.now())];
      const salt = toBase64Url(crypto.getRandomValues(new Uint8Array(16)));
      const prev = builder.leaf;
      const line = encodeLine({ by: principal.by, event: text, log, prev, salt, seq, time: now });
      const hash = builder.add(line, encodeUtf8(line), now);
      return { seq, hash, time: now, duplicate: false };
    });
    await this.#index.commit(builder.take());
    const checkpoint = (await this.#committed(log)).note;
    const answer = { log, first: head.size, count: entries.length, entries, checkpoint };
    return yes(request.sealed ? { ...answer, sealed: this.seals } : answer);
  }

  async committedCheckpoint(log: string) {
    return yes(await this.#committed(log));
  }

  async #committed(log: string): Promise<{ size: number; note: string }> {
    return { size: this.#size(log), note: await this.#sign(log, this.#receiptKey, "/receipt") };
  }

  async #sign(log: string, key: Signer, suffix: string): Promise<string> {
    const head = this.#index.store.heads.get(log) ?? EMPTY_HEAD;
    const origin = `${ORIGIN}/${log}`;
    const checkpoint = { origin, size: head.size, root: treeAt(head).root() };
    return signCheckpoint(checkpoint, await key.signer(origin + suffix));
  }

  /** The "batch" is any bytes: what the routes do with it does not depend on them. */
  async seal(log: string): Promise<Result<SealRow | null>> {
    this.calls.push(`seal ${log}`);
    if (this.refusals.seal !== undefined) return no(this.refusals.seal);
    const first = this.logStatus.get(log)!.sealedSize;
    const head = this.#index.store.heads.get(log) ?? EMPTY_HEAD;
    if (first === head.size) return yes(null);
    const key = `${log}/${String(first).padStart(16, "0")}.jsonl.gz`;
    const body = crypto.getRandomValues(new Uint8Array(100));
    const retainUntilMs = Math.ceil((Date.now() + DAY_MS) / 1000) * 1000;
    const put = await this.#vault.put(key, body, { retainUntilMs, ifAbsent: true });
    const row: SealRow = {
      ...{ log, first, count: head.size - first, key },
      versionId: put.kind === "put" ? put.versionId : "",
      ...{ sha256: sha256Hex(body), bytes: body.length },
      ...{ sealedAt: time(Date.now()), retainUntil: time(retainUntilMs) },
      checkpoint: await this.#sign(log, this.#logKey, ""),
      ...{ leaf: head.leaf, frontier: head.frontier },
    };
    await this.#index.addSeal(row);
    const status = this.logStatus.get(log)!;
    this.logStatus.set(log, { ...status, sealedSize: head.size, lastSeal: row });
    return yes(row);
  }

  async logs() {
    const names = [...this.logStatus.keys()];
    return yes(await Promise.all(names.map(async (name) => (await this.#status(name))!)));
  }

  async #status(name: string): Promise<LogStatus | null> {
    const status = this.logStatus.get(name);
    if (status === undefined) return null;
    const vkey = (await this.#logKey.signer(status.origin)).vkey;
    const receiptVkey = (await this.#receiptKey.signer(`${status.origin}/receipt`)).vkey;
    return { ...status, size: this.#size(name), vkey, receiptVkey };
  }

  #size(log: string): number {
    return this.#index.store.heads.get(log)?.size ?? 0;
  }

  async createLog(_: Principal, log: NewLog): Promise<Result<MadeLog | Waiting>> {
    if (this.waiting !== null) return yes({ approval: this.waiting, sealed: true });
    if (this.logStatus.has(log.name)) return no({ code: "log_exists", detail: "it is there" });
    this.addLog(log.name, log.public, log.retentionDays, log.description);
    return yes({ log: (await this.#status(log.name))!, sealed: true });
  }

  async changeLog(
    _: Principal,
    log: string,
    change: Partial<Omit<NewLog, "name">>,
  ): Promise<Result<MadeLog | Waiting>> {
    if (this.waiting !== null) return yes({ approval: this.waiting, sealed: true });
    this.calls.push(`change ${log} ${JSON.stringify(change)}`);
    this.logStatus.set(log, { ...this.logStatus.get(log)!, ...change });
    return yes({ log: (await this.#status(log))!, sealed: true });
  }

  async tokens() {
    return yes([...this.tokenStatus.values()]);
  }

  async createToken(_: Asker, token: NewToken): Promise<Result<MadeToken | Waiting>> {
    if (this.waiting !== null) return yes({ approval: this.waiting, sealed: true });
    return yes({ token: this.#putToken(token), sealed: false });
  }

  async rotateToken(
    _: Asker,
    { id, to, endsAt }: TokenRotation,
  ): Promise<Result<MadeToken | Waiting>> {
    if (this.waiting !== null) return yes({ approval: this.waiting, sealed: true });
    const old = this.tokenStatus.get(id);
    if (old === undefined) return no({ code: "token_unknown", detail: "no such token" });
    const made = this.#putToken({ ...old, ...to });
    this.tokenStatus.set(to.id, { ...old, ...made, ...to, replaces: id });
    const rotatedUntil = endsAt ?? time(Date.now());
    this.tokenStatus.set(id, { ...old, replacedBy: to.id, rotatedUntil });
    return yes({ token: this.tokenStatus.get(to.id)!, sealed: true });
  }

  async revokeToken(_: Asker, id: string) {
    const token = this.tokenStatus.get(id);
    if (token === undefined) return no({ code: "token_unknown", detail: "no such token" });
    this.tokenStatus.set(id, { ...token, revokedAt: time(Date.now()) });
    return yes({ sealed: true });
  }

  webhooks() {
    return this.webhookRecords.webhooks();
  }

  async changeWebhook(by: Principal, change: WebhookChange) {
    if (this.waiting !== null) return yes({ approval: this.waiting, sealed: true });
    return this.webhookRecords.changeWebhook(by, change);
  }

  async approvals() {
    return yes([...this.approvalStatus.values()]);
  }

  async decideApproval(
    { by }: Principal,
    { id, granted, reason }: Parameters<LedgerApi["decideApproval"]>[1],
  ) {
    const decision = { granted, by, at: time(Date.now()), reason };
    const approval = { ...this.approvalStatus.get(id)!, decision };
    this.approvalStatus.set(id, approval);
    return yes({ approval, sealed: true });
  }

  async recordAccess(records: readonly AccessRecord[], how: { before: boolean; lost: number }) {
    if (this.refusals.recordAccess !== undefined) return no(this.refusals.recordAccess);
    this.accessed.push(...records.map((record) => ({ ...record, before: how.before })));
    return yes(null);
  }

  async ready() {
    return this.readiness;
  }

  async metrics() {
    return "# TYPE indelible_entries gauge\nindelible_entries 3\n";
  }

  async bootstrap(first: Bootstrap) {
    this.bootstrapped = first;
    return yes(null);
  }

  async drain() {
    this.calls.push("drain");
    return { sealed: false, unsealed: { [ORIGIN]: 1 } };
  }
}

function yes<T>(value: T) {
  return { ok: true as const, value };
}

function no(problem: Problem) {
  return { ok: false as const, problem };
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}

function sha256Hex(bytes: Uint8Array): string {
  return toHex(createHash("sha256").update(bytes).digest());
}
