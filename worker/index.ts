/** The worker: the HTTP side as default export, the operator's entry point, the ledger, and its guard. */
import { WorkerEntrypoint } from "cloudflare:workers";
import { createApp } from "./app.ts";
import { textOf, type Env } from "./env.ts";
import { ledgerOf } from "./ledger-stub.ts";
import pageText from "../build/page.txt";
import { answerOperator } from "./operator.ts";
import type { PageFiles } from "./page-files.ts";
import { searchKeeperOf } from "./search/parts.ts";
import { access, openServices, reportProblem } from "./services.ts";
import { sessionsOf } from "./session/page-sessions.ts";

export { Auditor } from "./audit/auditor.ts";
export { Ledger } from "./ledger.ts";
export { Search } from "./search/keeper.ts";
export { IssuerKeys } from "./oidc/issuer-keys.ts";
export { PageSessions } from "./session/page-sessions.ts";

/** Reached through a socket of its own, on loopback. */
export class Operator extends WorkerEntrypoint<Env> {
  override fetch(request: Request): Promise<Response> {
    const secret = textOf(this.env, "INDELIBLE_OPERATOR_SECRET");
    const ledger = ledgerOf(this.env);
    const sessions = sessionsOf(this.env);
    const parts = { ledger, sessions, search: searchKeeperOf(this.env) };
    const beforeDrain = () => access.flush(ledger);
    return answerOperator(request, parts, secret, reportProblem, beforeDrain);
  }
}

export default createApp(openServices, JSON.parse(pageText) as PageFiles);
