/**
 * The HTTP side in one place: hono finds the route, the route's rule is met or the request is refused, the
 * handler answers, and whatever was thrown on the way becomes a problem document. Nothing runs before a
 * route but this: the ratios of the benchmarks are measured against `/healthz`.
 */
import { Hono, type Context } from "hono";
import { RegExpRouter } from "hono/router/reg-exp-router";
import { ReadNote } from "./access-record.ts";
import { senderAddress } from "./address.ts";
import { admit } from "./admit.ts";
import { answer, answerProblem } from "./answer.ts";
import type { Ask, Services } from "./ask.ts";
import { discardBody } from "./body.ts";
import { preflightHeaders, requestIdOf, withEdge } from "./edge.ts";
import type { Principal } from "./ledger-api.ts";
import { SignInRefused } from "./oidc/verify.ts";
import { asProblem, isOurFault, ProblemError } from "./problem.ts";
import { answerFile, answerShell, FILE_PATH, PAGE_PATHS, type PageFiles } from "./page-files.ts";
import { Query } from "./query.ts";
import { report } from "./report.ts";
import { ROUTES, type Route } from "./routes.ts";
import { FREE_PATH, Turn } from "./turn.ts";

const METHODS: readonly Route["method"][] = ["GET", "POST", "PATCH", "DELETE"];

/** The app; `open` gives the services of one request from the bindings and from what goes on after it; `page` is the page. */
export function createApp<E extends object>(
  open: (env: E, later: Services["later"]) => Services,
  page: PageFiles | null = null,
): Hono<{ Bindings: E }> {
  const app = new Hono<{ Bindings: E }>({ router: new RegExpRouter() });
  for (const route of ROUTES) {
    app.on(route.method, route.path, (c) => {
      const services = open(c.env, laterOf(c));
      const answering = serve(route, c, services);
      if (route.path !== FREE_PATH) services.later(answering);
      return answering;
    });
  }
  for (const path of page === null ? [] : [...PAGE_PATHS, FILE_PATH]) {
    app.get(path, (c) => servePage(path, c.req.raw, page!, open(c.env, laterOf(c))));
  }
  app.notFound((c) => {
    const methods = METHODS.filter((method) => app.router.match(method, c.req.path)[0].length > 0);
    const services = open(c.env, laterOf(c));
    const answering = serveElsewhere(c.req.raw, methods, services);
    services.later(answering);
    return answering;
  });
  // Only what `open` throws comes here: a binding that is missing or wrong.
  app.onError((error) => {
    const requestId = crypto.randomUUID();
    report("error", "no request can be answered", { request_id: requestId, reason: error.message });
    return answerProblem(requestId, asProblem(error));
  });
  return app;
}

/**
 * What goes on after the answer, or without one: workerd ends a request whose sender went away, and what was counted and
 * held for it would never be given back.
 */
function laterOf(c: Context): Services["later"] {
  return (work) => c.executionCtx.waitUntil(work);
}

async function serve(route: Route, c: Context, services: Services): Promise<Response> {
  const request = c.req.raw;
  const requestId = requestIdOf(request, services.addressing);
  const begunMs = services.nowMs();
  // Whoever watches whether we live does so all the time.
  const tracing = route.path === FREE_PATH ? null : services.tracing;
  const span = tracing?.request(request, route.method, route.path, begunMs) ?? null;
  const param = (name: string): string => c.req.param(name) ?? "";
  const read = new ReadNote(route.recorded, requestId, request, param("log"));
  const turn = new Turn(request, services);
  let response: Response;
  try {
    const address = senderAddress(request, services.addressing);
    if (route.path !== FREE_PATH) turn.begin(address);
    // hono answers HEAD by GET; a log of reads would have to count it as one.
    if (request.method !== route.method) throw notAllowed(methodsOf(route));
    read.address = address;
    // Whose token it was stays known where it ends while a stream is read.
    const saw = (principal: Principal | null) =>
      void (read.principal = principal ?? read.principal);
    const sender = { request, address, saw };
    const admitAgain = () => admit(route.rule, sender, param("log"), services);
    const admitted = await turn.admit(admitAgain);
    const query = new Query(request.url, route.query);
    read.query = query;
    const ask: Ask = {
      request,
      requestId,
      address,
      services,
      query,
      read,
      span,
      param,
      ...admitted,
      admitAgain,
    };
    response = await onRecord(
      await services.answerRoom.hold(route, ask, async () => route.handle(ask)),
      read,
      services,
    );
  } catch (error) {
    response = await refuse(request, requestId, error, services, turn, span?.traceId);
  } finally {
    turn.end();
  }
  const endMs = services.nowMs();
  services.http.answered(route.method, route.path, response.status, endMs - begunMs);
  span?.end(response.status, endMs, spanAttributes(requestId, param("log")));
  tracing?.sendLater(services.later);
  read.afterAnswer(response.status, services.nowMs, (record) => {
    services.access.add(record, services.ledger, services.later, services.nowMs());
  });
  return withEdge(request, response, services.corsOrigins);
}

function spanAttributes(requestId: string, log: string): Record<string, string> {
  return { "indelible.request_id": requestId, ...(log === "" ? {} : { "indelible.log": log }) };
}

/** The page is for anybody, holds nothing of any log, and costs no more than health does. */
function servePage(path: string, request: Request, page: PageFiles, services: Services): Response {
  const requestId = requestIdOf(request, services.addressing);
  const { pathname } = new URL(request.url);
  const response =
    path === FILE_PATH
      ? (answerFile(requestId, request, pathname, page) ?? answerProblem(requestId, elsewhere([])))
      : answerShell(requestId, request, page);
  services.http.answered("GET", path, response.status, 0);
  return withEdge(request, response, services.corsOrigins);
}

/** What no route takes: the preflight of a page that may ask, or a refusal. */
async function serveElsewhere(
  request: Request,
  methods: readonly string[],
  services: Services,
): Promise<Response> {
  const { addressing, corsOrigins } = services;
  const requestId = requestIdOf(request, addressing);
  const preflight = preflightHeaders(request, methods, corsOrigins);
  if (preflight) {
    return withEdge(request, answer(requestId, 204, null, preflight), corsOrigins);
  }
  const turn = new Turn(request, services);
  let problem: unknown = elsewhere(methods);
  try {
    turn.begin(senderAddress(request, addressing));
    await turn.admit(async () => ({ principal: null }));
  } catch (error) {
    problem = error;
  }
  const response = await refuse(request, requestId, problem, services, turn);
  turn.end();
  return withEdge(request, response, corsOrigins);
}

/** The answer, once it is on record where it must be before it goes out. */
async function onRecord(
  response: Response,
  read: ReadNote,
  { ledger, nowMs }: Services,
): Promise<Response> {
  try {
    await read.beforeAnswer(ledger, response.status, nowMs());
    return response;
  } catch (error) {
    await response.body?.cancel();
    throw error;
  }
}

/** The problem document, after what the sender is still sending was read and thrown away. */
async function refuse(
  request: Request,
  requestId: string,
  error: unknown,
  services: Services,
  turn: Turn,
  traceId?: string,
): Promise<Response> {
  const problem = asProblem(error);
  services.http.refused(problem.code);
  if (isOurFault(problem) || problem.cause instanceof SignInRefused)
    services.report(requestId, problem, traceId);
  if (turn.isIn) await discardBody(request);
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
