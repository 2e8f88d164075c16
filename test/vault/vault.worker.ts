/** The MinIO vault inside workerd, driven by the tests: one call a request, bytes in base64. */
import { VaultError } from "../../storage/ports.ts";
import type { PutOptions } from "../../storage/ports.ts";
import { runLockSelfTest } from "../../storage/vault/selftest.ts";
import { MinioVault } from "../../storage/vault/vault.ts";
import type { VaultConfig } from "../../storage/vault/vault.ts";

export type VaultCall =
  | { method: "put"; key: string; body: string; options: PutOptions }
  | { method: "get" | "lock"; key: string; versionId: string }
  | { method: "extendLock"; key: string; versionId: string; retainUntilMs: number }
  | { method: "versions"; prefix: string; after?: string }
  | { method: "prefixes" | "nowMs" | "selftest" };

export interface VaultRequest {
  readonly config: VaultConfig;
  readonly call: VaultCall;
}

export default {
  async fetch(request: { json(): Promise<unknown> }): Promise<Response> {
    const { config, call } = (await request.json()) as VaultRequest;
    try {
      return Response.json({ result: await run(config, call) });
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
      const { code, outcome, message } = error;
      return Response.json({ error: { code, outcome, message } });
    }
  },
};

async function run(config: VaultConfig, call: VaultCall): Promise<unknown> {
  const vault = new MinioVault(config);
  switch (call.method) {
    case "put":
      return await vault.put(call.key, Buffer.from(call.body, "base64"), call.options);
    case "get":
      return Buffer.from(await vault.get(call.key, call.versionId)).toString("base64");
    case "lock":
      return await vault.lock(call.key, call.versionId);
    case "extendLock":
      return await vault.extendLock(call.key, call.versionId, call.retainUntilMs);
    case "versions": {
      const found = [];
      for await (const one of vault.versions(call.prefix, call.after)) found.push(one);
      return found;
    }
    case "prefixes":
      return await vault.prefixes();
    case "nowMs":
      return await vault.nowMs();
    case "selftest":
      return await runLockSelfTest(config);
    default:
      throw new Error("no such call");
  }
}
