/** The worker: the HTTP side as default export, the operator's entry point, and the ledger. */
import { WorkerEntrypoint } from "cloudflare:workers";
import { createApp } from "./app.ts";
import { textOf, type Env } from "./env.ts";
import { ledgerOf } from "./ledger-stub.ts";
import { answerOperator } from "./operator.ts";
import { access, openServices, reportProblem } from "./services.ts";

export { Ledger } from "./ledger.ts";
export { IssuerKeys } from "./oidc/issuer-keys.ts";

/** Reached through a socket of its own, on loopback. */
export class Operator extends WorkerEntrypoint<Env> {
  override fetch(request: Request): Promise<Response> {
    const secret = textOf(this.env, "INDELIBLE_OPERATOR_SECRET");
    const ledger = ledgerOf(this.env);
    return answerOperator(request, ledger, secret, reportProblem, () => access.flush(ledger));
  }
}

export default createApp(openServices);
