/**
 * What it takes to send to a webhook and does not stand in `_system`: its address, its routing key, its secrets. `_system` says
 * which webhooks there are, and by a hash which address holds; a change that waits for its approval has its address here already.
 */
import { isSigningSecret } from "../../storage/alerts/secret.ts";
import type { GuardStore } from "../../storage/guard-ports.ts";
import { encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import type { Json } from "../../storage/log/json-value.ts";
import type { WebhookRecord } from "../../storage/log/webhooks.ts";
import { sha256 } from "../sha256.ts";

export interface Target {
  readonly url: string;
  readonly routingKey: string | null;
}

interface KeptTarget extends Target {
  readonly keptMs: number;
}

/** The newest first; the one before it signs, too, until `untilMs`. */
export interface KeptSecret {
  readonly secret: string;
  readonly untilMs: number | null;
}

const PREFIX = "webhooks/";
const KNOWN_KEY = `${PREFIX}known`;
const targetsOf = (id: string): string => `${PREFIX}target/${id}/`;
const secretsKey = (id: string): string => `${PREFIX}secrets/${id}`;

/** Longer than a change can wait for its approval (30 days). */
const UNUSED_MS_MAX = 32 * 86_400_000;
/** One for each change of an address that nobody has decided yet. */
const TARGETS_LISTED_MAX = 1_000;

/** What the hash in `_system` is of. */
export function targetSha256({ url, routingKey }: Target): string {
  const text = routingKey === null ? url : `${url}\n${routingKey}`;
  return toHex(sha256(encodeUtf8(text)));
}

export class Targets {
  readonly #store: GuardStore;
  readonly #nowMs: () => number;

  constructor(store: GuardStore, nowMs: () => number) {
    this.#store = store;
    this.#nowMs = nowMs;
  }

  /** Durable on return, before `_system` speaks of it. */
  async keep(id: string, { url, routingKey }: Target): Promise<string> {
    const hash = targetSha256({ url, routingKey });
    const record = { url, routingKey, keptMs: this.#nowMs() };
    await this.#store.write(new Map([[targetsOf(id) + hash, record]]));
    return hash;
  }

  async target({ id, targetSha256: hash }: WebhookRecord): Promise<Target | null> {
    return (await this.#store.get(targetsOf(id) + hash)) as Target | null;
  }

  /** Those that sign now, the newest first. */
  async secrets(id: string): Promise<readonly KeptSecret[]> {
    const kept = ((await this.#store.get(secretsKey(id))) ?? []) as unknown as KeptSecret[];
    const nowMs = this.#nowMs();
    return kept.filter(
      ({ secret, untilMs }) => isSigningSecret(secret) && (untilMs === null || untilMs > nowMs),
    );
  }

  /** The new one, and the newest before it until its overlap ends. */
  async putSecret(id: string, secret: string, overlapEndsMs: number): Promise<void> {
    const [before] = await this.secrets(id);
    const kept = [{ secret, untilMs: null }];
    const old = before === undefined ? [] : [{ ...before, untilMs: overlapEndsMs }];
    await this.#store.write(new Map([[secretsKey(id), [...kept, ...old] as unknown as Json]]));
  }

  /** All of one that was never made. */
  async forget(id: string): Promise<void> {
    const changes = new Map<string, Json | null>();
    await this.#forgetAll(id, changes);
    await this.#store.write(changes);
  }

  async #forgetAll(id: string, changes: Map<string, Json | null>): Promise<void> {
    changes.set(secretsKey(id), null);
    const targets = await this.#store.list(targetsOf(id), { limit: TARGETS_LISTED_MAX });
    for (const key of targets.keys()) changes.set(key, null);
  }

  /** What `_system` said last; for when it cannot be asked. */
  async known(): Promise<readonly WebhookRecord[]> {
    return ((await this.#store.get(KNOWN_KEY)) ?? []) as unknown as readonly WebhookRecord[];
  }

  /** Follows `_system`: what was deleted there is forgotten here. The ids of those. */
  async follow(records: readonly WebhookRecord[]): Promise<readonly string[]> {
    const before = await this.known();
    if (JSON.stringify(before) === JSON.stringify(records)) return [];
    const ids = new Set(records.map(({ id }) => id));
    const gone = before.filter(({ id }) => !ids.has(id)).map(({ id }) => id);
    const changes = new Map<string, Json | null>([[KNOWN_KEY, records as unknown as Json]]);
    for (const id of gone) await this.#forgetAll(id, changes);
    await this.#forgetUnused(records, changes);
    await this.#store.write(changes);
    return gone;
  }

  /** Addresses of changes that were refused or never decided, or that another took the place of. */
  async #forgetUnused(records: readonly WebhookRecord[], changes: Map<string, Json | null>) {
    const used = new Set(records.map(({ id, targetSha256: hash }) => targetsOf(id) + hash));
    const all = await this.#store.list(`${PREFIX}target/`, { limit: TARGETS_LISTED_MAX });
    const nowMs = this.#nowMs();
    for (const [key, value] of all) {
      const { keptMs } = value as unknown as KeptTarget;
      if (!used.has(key) && nowMs - keptMs > UNUSED_MS_MAX) changes.set(key, null);
    }
  }
}
