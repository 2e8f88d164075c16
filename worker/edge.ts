/**
 * What the outside of every answer is made of, whatever its inside: the request's id, HSTS where the request came over
 * TLS (RFC 6797 §7.2), and CORS for the pages of origins that were named (Fetch §3.3). No origin is named unless it is
 * configured; then a browser is told nothing. Credentials are never allowed: a page sends its token itself.
 */
import { isFromTrustedProxy, type AddressSettings } from "./address.ts";

/** A year, the usual promise; the host's other names are not ours to speak for. */
const STRICT_TRANSPORT = "max-age=31536000";

/** Headers that a page of another origin may send, and read, beside those that every page may. */
const ALLOWED_HEADERS =
  "authorization, content-type, idempotency-key, traceparent, tracestate, x-request-id";
const EXPOSED_HEADERS =
  "allow, content-disposition, indelible-from, indelible-to, retry-after, www-authenticate, x-request-id";
/** Browsers ask again after so long; a new setting is in force everywhere within ten minutes. */
const PREFLIGHT_SECONDS = "600";

/** A name that another program gave: what a UUID, a ULID or a trace id is made of, and nothing a log could choke on. */
const REQUEST_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{7,127}$/;

/**
 * A new id; the one in `X-Request-Id` is taken only from a proxy that was named as trusted, so nobody else can give
 * two requests one id or choose what stands in the operator's log.
 */
export function requestIdOf(request: Request, addressing: AddressSettings): string {
  const given = request.headers.get("x-request-id");
  const taken = given !== null && REQUEST_ID.test(given) && isFromTrustedProxy(request, addressing);
  return taken ? given : crypto.randomUUID();
}

/** The answer with what the edge adds. */
export function withEdge(
  request: Request,
  response: Response,
  corsOrigins: ReadonlySet<string>,
): Response {
  const { headers } = response;
  if (request.url.startsWith("https:")) headers.set("strict-transport-security", STRICT_TRANSPORT);
  if (corsOrigins.size === 0) return response;
  headers.append("vary", "Origin");
  const origin = allowedOrigin(request, corsOrigins);
  if (origin !== null) {
    headers.set("access-control-allow-origin", origin);
    headers.set("access-control-expose-headers", EXPOSED_HEADERS);
  }
  return response;
}

/** What answers a preflight of an origin that is allowed, beside `withEdge`; `null` where the request is none. */
export function preflightHeaders(
  request: Request,
  methods: readonly string[],
  corsOrigins: ReadonlySet<string>,
): Record<string, string> | null {
  if (request.method !== "OPTIONS" || methods.length === 0) return null;
  if (!request.headers.has("access-control-request-method")) return null;
  if (allowedOrigin(request, corsOrigins) === null) return null;
  return {
    "access-control-allow-methods": methods.join(", "),
    "access-control-allow-headers": ALLOWED_HEADERS,
    "access-control-max-age": PREFLIGHT_SECONDS,
  };
}

function allowedOrigin(request: Request, corsOrigins: ReadonlySet<string>): string | null {
  const origin = request.headers.get("origin");
  return origin !== null && corsOrigins.has(origin) ? origin : null;
}
