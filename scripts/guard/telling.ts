/** What the guard tells: each alert as lines on standard output, and to the channels of the operator's file. */
import { randomUUID } from "node:crypto";
import type { Channel } from "../../storage/alerts/channel.ts";
import { Outbox } from "../../storage/alerts/outbox.ts";
import { Pump } from "../../storage/alerts/pump.ts";
import { factsOf, headlineOf, testAlert } from "../../storage/alerts/words.ts";
import type { Alert, AlertSink, GuardStore } from "../../storage/guard-ports.ts";
import { fileChannels } from "../alerts/channels.ts";
import type { AlertSettings } from "../alerts/file.ts";

/** Names of facts are as long as that at most. */
const NAME_CHARS = 11;

export class Telling implements AlertSink {
  readonly #outbox: Outbox;
  readonly #print: (line: string) => void;
  readonly #channels: readonly Channel[];
  readonly #pump: Pump;

  constructor(
    parts: {
      readonly store: GuardStore;
      readonly print: (line: string) => void;
      readonly say: (line: string) => void;
    },
    settings: AlertSettings,
    privateAllowed: boolean,
  ) {
    this.#channels = fileChannels(settings, privateAllowed);
    const report = (what: string, facts: object) => parts.say(`${what}: ${JSON.stringify(facts)}`);
    const nowMs = () => Date.now();
    this.#print = parts.print;
    this.#outbox = new Outbox({
      store: parts.store,
      channels: () => this.#channels,
      onDue: () => this.#pump.kick(),
      ...{ nowMs, report },
    });
    this.#pump = new Pump({ run: () => this.#outbox.run(), nowMs, report });
  }

  async raise(alerts: readonly Alert[]): Promise<void> {
    await this.#outbox.raise(alerts);
    for (const alert of alerts) for (const line of linesOf(alert)) this.#print(line);
  }

  /** Sends what waits, by the clock, until `stop`. */
  async start(): Promise<void> {
    await this.#outbox.takeUpFile(this.#channels.map(({ id }) => id));
    this.#pump.kick();
  }

  stop(): void {
    this.#pump.stop();
  }

  /** Sends what is due now, once: what does not go stays for the next time. */
  async deliverOnce(): Promise<void> {
    await this.#outbox.run();
  }

  /** Sends a test by every channel and says what came back; true if all took it. */
  async test(instance: string): Promise<boolean> {
    const answers = this.#channels.map(async (channel) => {
      const alert = testAlert(`test-${randomUUID()}`, "guard", instance, Date.now());
      const { outcome, status, detail } = await this.#outbox.sendNow(channel, alert);
      this.#print(`${channel.id}: ${outcome} (${[status, detail].filter((x) => x).join(": ")})`);
      return outcome === "delivered";
    });
    return (await Promise.all(answers)).every((delivered) => delivered);
  }
}

function linesOf(alert: Alert): string[] {
  const facts = factsOf(alert).map(([name, value]) => `    ${name.padEnd(NAME_CHARS)} ${value}`);
  return [`${alert.at} ${headlineOf(alert)}`, ...facts];
}
