/** Where alerts go, for one request: asked of the guard, which keeps it. */
import { auditorOf } from "../audit/auditor-stub.ts";
import type { Env } from "../env.ts";
import type { WebhooksApi, WebhooksHost } from "./api.ts";

export function webhooksOf(env: Env): WebhooksApi {
  const auditor = auditorOf(env) as unknown as WebhooksHost;
  // Each method is one call of the same name there, with answers as copies: just what WebhooksApi says.
  return new Proxy({} as WebhooksApi, {
    get:
      (_, name: keyof WebhooksApi) =>
      (...args: unknown[]) =>
        auditor.webhooks(name, args),
  });
}
