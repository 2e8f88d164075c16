/**
 * The HTTP side in one place: hono finds the route, the route's rule is met or the request is refused, the
 * handler answers, and whatever was thrown on the way becomes a problem document. Nothing runs before a
 * route but this: the ratios of the benchmarks are measured against `/healthz`.
 */
import { Hono, type Context } from "hono";
import { RegExpRouter } from "hono/router/reg-exp-router";
import { senderAddress } from "./address.ts";
import { admit } from "./admit.ts";
import { answerProblem } from "./answer.ts";
import type { Ask, Services } from "./ask.ts";
import { discardBody } from "./body.ts";
import { asProblem, isOurFault, ProblemError } from "./problem.ts";
import { Query } from "./query.ts";
import { ROUTES, type Route } from "./routes.ts";

const METHODS: readonly Route["method"][] = ["GET", "POST", "DELETE"];

/** The app; `open` gives the services of one request from the bindings. */
export function createApp<E extends object>(open: (env: E) => Services): Hono<{ Bindings: E }> {
  const app = new Hono<{ Bindings: E }>({ router: new RegExpRouter() });
  for (const route of ROUTES) {
    app.on(route.method, route.path, (c) => serve(route, c, open(c.env)));
  }
  app.notFound((c) => {
    const methods = METHODS.filter((method) => app.router.match(method, c.req.path)[0].length > 0);
    return refuse(c.req.raw, newRequestId(), elsewhere(methods), open(c.env));
  });
  return app;
}

async function serve(route: Route, c: Context, services: Services): Promise<Response> {
  const request = c.req.raw;
  const requestId = newRequestId();
  const param = (name: string): string => c.req.param(name) ?? "";
  let response: Response;
  try {
    // hono answers HEAD by GET; a log of reads would have to count it as one.
    if (request.method !== route.method) throw notAllowed(methodsOf(route));
    const address = senderAddress(request, services.addressing);
    const admitAgain = () => admit(route.rule, { request, address }, param("log"), services);
    const admitted = await admitAgain();
    const query = new Query(request.url, route.query);
    const ask: Ask = {
      request,
      requestId,
      address,
      services,
      query,
      param,
      ...admitted,
      admitAgain,
    };
    response = await route.handle(ask);
  } catch (error) {
    response = await refuse(request, requestId, error, services);
  }
  services.requests.add(route.method, route.path, response.status);
  return response;
}

/** The problem document, after what the sender is still sending was read and thrown away. */
async function refuse(
  request: Request,
  requestId: string,
  error: unknown,
  services: Services,
): Promise<Response> {
  const problem = asProblem(error);
  if (isOurFault(problem)) services.report(requestId, problem);
  await discardBody(request);
  return answerProblem(requestId, problem);
}

/** Another method at a known address, or no address at all. */
function elsewhere(methods: readonly string[]): ProblemError {
  if (methods.length > 0) return notAllowed(methods);
  return new ProblemError("route_unknown", "nothing lives at this address");
}

function notAllowed(methods: readonly string[]): ProblemError {
  const allow = methods.join(", ");
  return new ProblemError("method_not_allowed", `this address takes ${allow}`, {
    headers: { allow },
  });
}

function methodsOf({ path }: Route): string[] {
  return ROUTES.filter((route) => route.path === path).map(({ method }) => method);
}

function newRequestId(): string {
  return crypto.randomUUID();
}
