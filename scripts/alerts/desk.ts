/**
 * Where the worker hands over alerts for the channels of the operator's file: a socket of the supervisor's on loopback, with
 * a secret that is new at each start. The worker keeps what waits; here an alert is sent, and the answer given.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Channel, SendAnswer } from "../../storage/alerts/channel.ts";
import type { Alert } from "../../storage/guard-ports.ts";
import { fileChannels, targetOf } from "./channels.ts";
import type { AlertSettings } from "./file.ts";

/** Five hundred alerts for one e-mail have less than 2 MB. */
const BODY_BYTES_MAX = 8 * 1024 * 1024;

export interface AlertDesk {
  /** `127.0.0.1:port` */
  readonly address: string;
  readonly secret: string;
  /** What the worker is told of the channels, as JSON; nothing in it is secret. */
  readonly notes: string;
  close(): void;
}

export async function openAlertDesk(
  settings: AlertSettings,
  privateAllowed: boolean,
): Promise<AlertDesk> {
  const channels = fileChannels(settings, privateAllowed);
  const secret = randomBytes(32).toString("base64url");
  const server = createServer((request, response) => {
    void answer(request, channels, secret).then(([status, body]) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    }, failed(response));
  });
  await listen(server);
  const notes = channels.map(({ id, format, severity, alertsMax }, i) => {
    return { id, format, severity, alertsMax, address: targetOf(settings.channels[i]!) };
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    secret,
    notes: JSON.stringify(notes),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
}

function failed(response: ServerResponse): (error: unknown) => void {
  return () => response.writeHead(500).end();
}

async function answer(
  request: IncomingMessage,
  channels: readonly Channel[],
  secret: string,
): Promise<[number, SendAnswer | object]> {
  if (!isSecret(request.headers.authorization ?? "", secret)) return [401, {}];
  if (request.method !== "POST" || request.url !== "/send") return [404, {}];
  const { channel: id, alerts } = JSON.parse(await readBody(request)) as {
    channel: string;
    alerts: Alert[];
  };
  const channel = channels.find((known) => known.id === id);
  if (channel === undefined || alerts.length === 0) return [404, {}];
  return [200, await channel.send(alerts, Date.now())];
}

function isSecret(authorization: string, secret: string): boolean {
  const given = Buffer.from(authorization);
  const wanted = Buffer.from(`Bearer ${secret}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > BODY_BYTES_MAX) throw new Error("too much");
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}
