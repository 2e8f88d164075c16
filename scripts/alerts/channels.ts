/** The channels of the operator's file, as they send: in the supervisor for `npm start`, in the process itself for the guard. */
import type { Channel } from "../../storage/alerts/channel.ts";
import { webhookChannel } from "../../storage/alerts/webhook.ts";
import { commandChannel } from "./command.ts";
import { emailChannel } from "./email.ts";
import type { AlertSettings, ChannelSettings } from "./file.ts";
import { nodePost } from "./post.ts";

export function fileChannels(settings: AlertSettings, privateAllowed: boolean): Channel[] {
  const { link } = settings;
  const post = nodePost(privateAllowed);
  return settings.channels.map((channel) => {
    if (channel.kind === "email") return emailChannel(channel, link);
    if (channel.kind === "command") return commandChannel(channel, link);
    return webhookChannel({ ...channel, link }, post);
  });
}

/** Where a channel leads, for people: never a secret, and of addresses only the host, since a path may be one. */
export function targetOf(channel: ChannelSettings): string {
  if (channel.kind === "webhook") return new URL(channel.url).origin;
  if (channel.kind === "email") return channel.to.join(", ");
  return channel.run[0];
}
