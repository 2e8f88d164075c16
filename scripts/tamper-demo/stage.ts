/** What the acts of the tamper demo are played on: a throw-away instance with a log for each act, sealed under lock. */
import { post, startThrowAway, type ThrowAway } from "../parts/throw-away.ts";
import type { Finding } from "../../storage/log/findings.ts";

/** Everything is looked at again a second after it was looked at. */
const EAGER = {
  INDELIBLE_SEAL_SECONDS: "1",
  INDELIBLE_AUDIT_PAUSE_SECONDS: "1",
  INDELIBLE_AUDIT_SHARE: "100",
};

const ENTRIES = 6;

export interface Stage {
  readonly url: string;
  readonly dataDir: string;
  readonly secondsToReady: number;
  /** Entries of each log. */
  readonly entries: number;
  /** What the guard knows to be wrong now. */
  findings(): Promise<readonly Finding[]>;
  stop(): Promise<void>;
}

/** Starts it and writes `ENTRIES` entries into each log, the last three in a batch of their own. */
export async function setStage(dataDir: string, logs: readonly string[]): Promise<Stage> {
  // Nothing of the operator's own configuration: what happens here must happen to nothing else.
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith("INDELIBLE_"));
  const instance = await startThrowAway(dataDir, EAGER, Object.fromEntries(others));
  try {
    const token = await fill(instance, logs);
    return {
      ...instance,
      entries: ENTRIES,
      findings: async () => {
        const headers = { authorization: `Bearer ${token}` };
        const answer = await fetch(`${instance.url}/v1/findings`, { headers });
        if (!answer.ok) throw new Error(`/v1/findings: ${answer.status} ${await answer.text()}`);
        return ((await answer.json()) as { findings: Finding[] }).findings;
      },
    };
  } catch (error) {
    await instance.stop();
    throw error;
  }
}

async function fill({ url, admin }: ThrowAway, logs: readonly string[]): Promise<string> {
  for (const name of logs) await post(url, "/v1/logs", admin, { name, retention_days: 1 });
  const rights = { roles: ["writer", "auditor"], logs: ["*"] };
  const { token } = (await post(url, "/v1/tokens", admin, rights)) as { token: string };
  for (let batch = 0; batch < ENTRIES / 3; batch += 1) {
    await Promise.all(
      logs.map((log) => {
        const events = [0, 1, 2].map((n) => payment(3 * batch + n));
        return post(url, `/v1/logs/${log}/entries?ack=sealed`, token, events);
      }),
    );
  }
  return token;
}

function payment(n: number): object {
  const details = { amount: `${100 + n}.00`, currency: "EUR" };
  return { action: "payment.approved", actor: { id: "alice" }, details };
}
