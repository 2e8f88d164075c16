/**
 * The channels of the operator's file (`INDELIBLE_ALERTS`). They send from the supervisor, which has the secrets, can speak
 * SMTP and run a program; this side knows their names, and reaches it through a binding on loopback. There are none on an edge.
 */
import type { Channel, SendAnswer } from "../../storage/alerts/channel.ts";
import type { Env } from "../env.ts";

/** What this side is told of such a channel. */
export interface FileChannelNote {
  readonly id: string;
  readonly format: Channel["format"];
  readonly severity: Channel["severity"];
  readonly alertsMax: number;
  /** Where it leads, for people. */
  readonly address: string;
}

export interface FileChannel {
  readonly channel: Channel;
  readonly address: string;
}

/** What is used of `fetch`. */
type DeskFetch = (
  url: string,
  request: RequestInit,
) => Promise<{ readonly status: number; json(): Promise<unknown> }>;

/** A command may take five minutes, and the supervisor answers in any case. */
const SEND_MS_MAX = 330_000;

export function fileChannelsOf(env: Env): FileChannel[] {
  const { ALERT_DESK: binding, INDELIBLE_ALERT_CHANNELS: notes = "" } = env;
  if (binding === undefined || notes === "") return [];
  // One shape for both, whose types differ between workerd and Node in what is not used here.
  const desk = binding as unknown as { readonly fetch: DeskFetch };
  return (JSON.parse(notes) as FileChannelNote[]).map(({ address, ...note }) => ({
    address,
    channel: {
      ...note,
      async send(alerts): Promise<SendAnswer> {
        const response = await desk.fetch("http://desk/send", {
          method: "POST",
          headers: {
            authorization: `Bearer ${env.INDELIBLE_ALERT_SECRET ?? ""}`,
            "content-type": "application/json",
          },
          body: JSON.stringify({ channel: note.id, alerts }),
          signal: AbortSignal.timeout(SEND_MS_MAX),
        });
        if (response.status !== 200) throw new Error(`the supervisor answered ${response.status}`);
        return (await response.json()) as SendAnswer;
      },
    },
  }));
}
