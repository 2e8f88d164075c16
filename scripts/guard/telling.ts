/** What the guard tells: each alert as lines on standard output, and to the channels of the operator's file. */
import { Outbox } from "../../storage/alerts/outbox.ts";
import { factsOf, headlineOf } from "../../storage/alerts/words.ts";
import type { Alert, AlertSink, GuardStore } from "../../storage/guard-ports.ts";
import { fileChannels } from "../alerts/channels.ts";
import type { AlertSettings } from "../alerts/file.ts";

/** Names of facts are as long as that at most. */
const NAME_CHARS = 11;

export class Telling implements AlertSink {
  readonly #outbox: Outbox;
  readonly #print: (line: string) => void;
  #due: () => void = () => {};

  constructor(
    parts: {
      readonly store: GuardStore;
      readonly print: (line: string) => void;
      readonly say: (line: string) => void;
    },
    settings: AlertSettings,
    privateAllowed: boolean,
  ) {
    const channels = fileChannels(settings, privateAllowed);
    this.#print = parts.print;
    this.#outbox = new Outbox({
      store: parts.store,
      channels: () => channels,
      nowMs: () => Date.now(),
      onDue: () => this.#due(),
      report: (what, facts) => parts.say(`${what}: ${JSON.stringify(facts)}`),
    });
  }

  async raise(alerts: readonly Alert[]): Promise<void> {
    await this.#outbox.raise(alerts);
    for (const alert of alerts) for (const line of linesOf(alert)) this.#print(line);
  }

  /** Sends what waits as long as the guard works. */
  async deliver(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const nextMs = await this.#outbox.run();
      const pauseMs = nextMs === null ? IDLE_MS : Math.max(0, nextMs - Date.now());
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(pauseMs, IDLE_MS));
        this.#due = () => {
          clearTimeout(timer);
          resolve();
        };
        stop.addEventListener("abort", () => this.#due(), { once: true });
      });
    }
  }

  /** Sends what is due now, once: what does not go stays for the next time. */
  async deliverOnce(): Promise<void> {
    await this.#outbox.run();
  }
}

const IDLE_MS = 60_000;

function linesOf(alert: Alert): string[] {
  const facts = factsOf(alert).map(([name, value]) => `    ${name.padEnd(NAME_CHARS)} ${value}`);
  return [`${alert.at} ${headlineOf(alert)}`, ...facts];
}
