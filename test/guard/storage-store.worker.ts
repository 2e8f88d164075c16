/** Runs inside workerd (`storage-store.test.ts`): the guard's records in a Durable Object. */
import assert from "node:assert/strict";
import type { DurableObjectNamespace, DurableObjectState } from "@cloudflare/workers-types";
import { StorageGuardStore } from "../../worker/audit/store.ts";
import { checkGuardStore } from "./store-contract.ts";

export class Records {
  readonly #store: StorageGuardStore;

  constructor({ storage }: DurableObjectState) {
    this.#store = new StorageGuardStore(storage);
  }

  /** Says which of the two it did: the whole contract, or finding again what an earlier process wrote. */
  async fetch(): Promise<Response> {
    const kept = await this.#store.get("kept/1");
    if (kept === null) await checkGuardStore(this.#store);
    return new Response(kept === 1 ? "the records are still there" : "checked");
  }
}

interface Env {
  readonly RECORDS: DurableObjectNamespace;
}

export default {
  async test(_: unknown, { RECORDS }: Env): Promise<void> {
    const answer = await RECORDS.get(RECORDS.idFromName("0")).fetch("http://records/");
    assert.equal(answer.status, 200);
    console.log(await answer.text());
  },
};
