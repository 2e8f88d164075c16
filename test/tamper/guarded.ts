/** A guarded instance on a store whose administrator is the attacker, with a log for each act; and what its guard says. */
import assert from "node:assert/strict";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { call } from "../e2e/client.ts";
import { makeLog, makeToken } from "../e2e/tokens.ts";
import type { ClockProxy } from "../parts/clock-proxy.ts";
import type { OpenMinio } from "../vault/open-minio.ts";
import type { Finding } from "../../storage/log/findings.ts";

/** Looks again a second after it looked. Nothing is sealed unless it is asked for. */
const EAGER = {
  INDELIBLE_SEAL_SECONDS: "600",
  INDELIBLE_AUDIT_PAUSE_SECONDS: "1",
  INDELIBLE_AUDIT_SHARE: "100",
  INDELIBLE_LOCK_TEST_SECONDS: "2",
  // The receiver of its alerts is on this machine.
  INDELIBLE_ALLOW_PRIVATE_ADDRESSES: "on",
};

export interface Guarded {
  readonly instance: TestInstance;
  readonly token: string;
  append(log: string, count: number, sealed: boolean): Promise<void>;
  findings(): Promise<Finding[]>;
  /** From now on every alert is sent there. */
  alertTo(url: string): Promise<void>;
}

/** What an instance is given to use a store of somebody else's. */
function storeEnv(minio: OpenMinio, way: ClockProxy): Record<string, string> {
  return {
    INDELIBLE_S3_ENDPOINT: way.endpoint,
    INDELIBLE_S3_BUCKET: minio.worker.bucket,
    INDELIBLE_S3_ACCESS_KEY: minio.worker.accessKey,
    INDELIBLE_S3_SECRET_KEY: minio.worker.secretKey,
    INDELIBLE_SYSTEM_RETENTION_DAYS: "1",
  };
}

export async function startGuarded(
  minio: OpenMinio,
  way: ClockProxy,
  logs: readonly string[],
): Promise<Guarded> {
  const instance = await startInstance({ env: { ...EAGER, ...storeEnv(minio, way) } });
  const { admin } = instance.tokens;
  for (const name of logs) await makeLog(instance.url, admin, { name });
  const rights = { roles: ["writer", "auditor"], logs: ["*"] } as const;
  const { token } = await makeToken(instance.url, admin, rights);
  const append = async (log: string, count: number, sealed: boolean): Promise<void> => {
    const events = Array.from({ length: count }, (_, n) => {
      return { action: "payment.approved", actor: { id: "alice" }, details: { amount: 100 + n } };
    });
    const path = `/v1/logs/${log}/entries${sealed ? "?ack=sealed" : ""}`;
    const reply = await call(instance.url, path, { token, body: JSON.stringify(events) });
    assert.equal(reply.status, 201, reply.text);
  };
  const findings = async (): Promise<Finding[]> => {
    const reply = await call(instance.url, "/v1/findings", { token });
    assert.equal(reply.status, 200, reply.text);
    return reply.json<{ findings: Finding[] }>().findings;
  };
  const alertTo = async (url: string): Promise<void> => {
    const body = JSON.stringify({ url });
    const reply = await call(instance.url, "/v1/webhooks", { token: admin, body });
    assert.equal(reply.status, 201, reply.text);
  };
  return { instance, token, append, findings, alertTo };
}
