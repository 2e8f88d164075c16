/** Alerts by SMTP (nodemailer): one message for all that wait together. */
import { createTransport } from "nodemailer";
import { mailOf } from "../../storage/alerts/bodies/mail.ts";
import type { Channel, SendAnswer } from "../../storage/alerts/channel.ts";
import { plain } from "../../storage/alerts/words.ts";
import { encodeUtf8, toHex } from "../../storage/log/bytes.ts";
import { sha256 } from "../../storage/log/hash.ts";
import type { EmailSettings } from "./file.ts";

/** For a connection, for the server's greeting, for each step, and for all of it together. */
const CONNECT_MS_MAX = 10_000;
const STEP_MS_MAX = 20_000;
const SEND_MS_MAX = 60_000;

/** More lines than that are no longer read; the number of all of them is in the subject. */
const ALERTS_MAX = 500;

export function emailChannel(settings: EmailSettings, link: string | null): Channel {
  const { id, severity, from, to } = settings;
  return {
    ...{ id, format: "email", severity, alertsMax: ALERTS_MAX },
    async send(alerts) {
      const transport = createTransport(transportOf(settings));
      const timer = setTimeout(() => transport.close(), SEND_MS_MAX);
      // The same for a repetition: many programs show a message of one id once.
      const key = toHex(sha256(encodeUtf8(alerts.map((alert) => alert.id).join("\n"))));
      try {
        const { response, rejected } = await withLimit(
          transport.sendMail({
            ...{ from, to: [...to], ...mailOf(alerts, link) },
            messageId: `<${key}@${from.split("@")[1]}>`,
            headers: { "Auto-Submitted": "auto-generated" },
          }),
        );
        const refused = rejected.length === 0 ? "" : `not taken for ${rejected.length} addresses; `;
        return { outcome: "delivered", status: 250, detail: plain(refused + response) };
      } catch (error) {
        return answerOf(error as SmtpError);
      } finally {
        clearTimeout(timer);
        transport.close();
      }
    },
  };
}

function transportOf({ host, port, tls, ca, login }: EmailSettings) {
  return {
    ...{ host, port, secure: tls === "implicit", requireTLS: tls === "starttls" },
    ignoreTLS: tls === "none",
    ...(login === null ? {} : { auth: { user: login.user, pass: login.password } }),
    ...(ca === null ? {} : { tls: { ca } }),
    ...{ connectionTimeout: CONNECT_MS_MAX, greetingTimeout: CONNECT_MS_MAX },
    ...{ socketTimeout: STEP_MS_MAX, disableFileAccess: true, disableUrlAccess: true },
  };
}

function withLimit<T>(sending: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    const error = new Error(`the server took more than ${SEND_MS_MAX / 1_000} s`);
    timer = setTimeout(() => reject(error), SEND_MS_MAX);
  });
  return Promise.race([sending, limit]).finally(() => clearTimeout(timer));
}

interface SmtpError extends Error {
  readonly code?: string;
  readonly responseCode?: number;
}

/** 5yz is about this message (RFC 5321 §4.2.1), but for who may send: that is about all of them. */
function answerOf({ code, responseCode: status = 0, message }: SmtpError): SendAnswer {
  const isRefused = status >= 500 && (code === "EMESSAGE" || code === "EENVELOPE");
  return {
    outcome: isRefused ? "refused" : "away",
    status: status === 0 ? null : status,
    detail: plain(message),
  };
}
