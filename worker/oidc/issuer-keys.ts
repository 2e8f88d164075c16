/**
 * The Durable Object that keeps the keys of all issuers: one place that asks them, whatever number of workers there is, and
 * that still has their last keys after a restart.
 */
import { DurableObject } from "cloudflare:workers";
import { issuersOf, type Env } from "../env.ts";
import { callsOf } from "../outgoing.ts";
import { report } from "../report.ts";
import { fetchKeys } from "./fetch-keys.ts";
import { KeyKeeper, type KeySet, type KeySetStore } from "./key-keeper.ts";
import type { KeySource } from "./sign-in.ts";

export class IssuerKeys extends DurableObject<Env> implements KeySource {
  readonly #keepers: ReadonlyMap<string, KeyKeeper>;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const call = callsOf(env);
    this.#keepers = new Map(
      issuersOf(env).map((issuer) => {
        // Keys of an address that is no longer configured are not taken up again.
        const name = `keys ${issuer.issuer} ${issuer.jwks_uri ?? ""}`;
        const parts = {
          fetchKeys: () => fetchKeys(issuer, call),
          store: storeOf(ctx.storage, name),
          ...{ nowMs: Date.now, report },
        };
        return [issuer.issuer, new KeyKeeper(issuer.issuer, parts)];
      }),
    );
  }

  async keys(issuer: string, newerThanMs: number | null): Promise<KeySet | null> {
    return (await this.#keepers.get(issuer)?.keys(newerThanMs)) ?? null;
  }
}

function storeOf(storage: DurableObjectStorage, name: string): KeySetStore {
  return {
    get: () => storage.get<KeySet>(name),
    put: (set) => storage.put(name, set),
  };
}
