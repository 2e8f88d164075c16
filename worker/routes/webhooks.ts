/** Webhooks: where alerts go, what became of them, and the test button. For administrators of everything alone. */
import { ID_RANDOM_BYTES, makeId } from "../../storage/token.ts";
import type { MadeWebhook } from "../alerts/api.ts";
import { isChiefAdmin } from "../access.ts";
import { answerJson } from "../answer.ts";
import { principalOf, type Ask } from "../ask.ts";
import type { Principal } from "../ledger-api.ts";
import { ProblemError, valueOf } from "../problem.ts";
import { readShape, readShapeIfAny } from "../shape.ts";
import { answerWaiting } from "./approvals.ts";
import {
  deliveryItem,
  NewWebhookShape,
  RedeliveryShape,
  webhookItem,
  WebhookPatchShape,
  WebhookRotationShape,
} from "../webhook-shape.ts";

/** One is some 3 KB with its attempts. */
const DELIVERIES_MAX = 100;
const DELIVERIES = 50;

/** 201 with the secret, which nobody can be shown again. */
export async function createWebhook(ask: Ask): Promise<Response> {
  const by = chiefOf(ask);
  const { url, routing_key: key, ...fields } = await readShape(ask.request, NewWebhookShape);
  const id = makeId(ask.services.randomBytes(ID_RANDOM_BYTES));
  const webhook = { ...fields, id, url: url ?? null, routingKey: key ?? null };
  return answerMade(ask, 201, valueOf(await ask.services.webhooks.create(by, webhook)));
}

export async function listWebhooks(ask: Ask): Promise<Response> {
  chiefOf(ask);
  const webhooks = valueOf(await ask.services.webhooks.list());
  ask.read.shown({ count: webhooks.length });
  return answerJson(ask.requestId, 200, { webhooks: webhooks.map(webhookItem) });
}

export async function changeWebhook(ask: Ask): Promise<Response> {
  const by = chiefOf(ask);
  const { routing_key: key, ...fields } = await readShape(ask.request, WebhookPatchShape);
  const patch = { ...fields, ...(key === undefined ? {} : { routingKey: key }) };
  const made = valueOf(await ask.services.webhooks.change(by, ask.param("id"), patch));
  return "approval" in made ? answerWaiting(ask, made, {}) : answerMade(ask, 200, made);
}

export async function deleteWebhook(ask: Ask): Promise<Response> {
  const by = chiefOf(ask);
  const id = ask.param("id");
  const made = valueOf(await ask.services.webhooks.remove(by, id));
  if ("approval" in made) return answerWaiting(ask, made, {});
  return answerJson(ask.requestId, 200, { id, sealed: made.sealed });
}

/** 201 with a new secret; until the overlap ends both sign. */
export async function rotateWebhook(ask: Ask): Promise<Response> {
  const by = chiefOf(ask);
  const { overlap_seconds: seconds } = await readShapeIfAny(ask.request, WebhookRotationShape);
  const made = valueOf(await ask.services.webhooks.rotate(by, ask.param("id"), seconds));
  return answerMade(ask, 201, made);
}

/** 200 whatever came back: that is the answer. */
export async function testWebhook(ask: Ask): Promise<Response> {
  chiefOf(ask);
  const sent = valueOf(await ask.services.webhooks.test(ask.param("id")));
  const { alert, outcome, status, detail, ms } = sent;
  const delivered = outcome === "delivered";
  return answerJson(ask.requestId, 200, { alert, delivered, outcome, status, detail, ms });
}

export async function listDeliveries(ask: Ask): Promise<Response> {
  chiefOf(ask);
  const limit = ask.query.integer("limit", 1, DELIVERIES_MAX) ?? DELIVERIES;
  const before = ask.query.integer("cursor", 0, Number.MAX_SAFE_INTEGER);
  const page = { limit, before };
  const found = valueOf(await ask.services.webhooks.deliveries(ask.param("id"), page));
  ask.read.shown({ count: found.length });
  const next = found.length < limit ? null : String(found.at(-1)!.number);
  const deliveries = found.map(deliveryItem);
  return answerJson(ask.requestId, 200, { deliveries, next_cursor: next });
}

/** Dead letters, all or some, wait again. */
export async function redeliver(ask: Ask): Promise<Response> {
  chiefOf(ask);
  const { deliveries } = await readShapeIfAny(ask.request, RedeliveryShape);
  const sent = valueOf(await ask.services.webhooks.resend(ask.param("id"), deliveries ?? null));
  return answerJson(ask.requestId, 200, { count: sent.count });
}

function answerMade(ask: Ask, status: number, { webhook, secret, sealed }: MadeWebhook): Response {
  const shown = secret === null ? {} : { secret };
  return answerJson(ask.requestId, status, { ...webhookItem(webhook), ...shown, sealed });
}

/** Whoever says where alerts go can silence them. */
function chiefOf(ask: Ask): Principal {
  const principal = principalOf(ask);
  if (isChiefAdmin(principal)) return principal;
  throw new ProblemError("forbidden", "webhooks are for administrators of all logs (*)");
}
