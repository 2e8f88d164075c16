/** Tracing as the bindings have it: one for an isolate, made when it is first asked for; nothing at all where no collector is set. */
import { sleep } from "../../storage/flow/commit.ts";
import { EnvError, integerOf, type Env } from "../env.ts";
import { report } from "../report.ts";
import { Tracing } from "./tracing.ts";

const PERCENT = 100;
/** Where the supervisor says nothing, as on an edge. */
const PERCENT_UNSET = "10";

let tracing: Tracing | null | undefined;

/** Null where traces are off. Throws `EnvError` for a binding that is wrong. */
export function tracingOf(env: Env): Tracing | null {
  tracing ??= newTracing(env);
  return tracing;
}

function newTracing(env: Env): Tracing | null {
  const { INDELIBLE_OTLP_ENDPOINT: endpoint = "", INDELIBLE_OTLP_HEADERS: headers = "" } = env;
  if (endpoint === "") return null;
  const given = { INDELIBLE_TRACE_PERCENT: PERCENT_UNSET, ...env };
  const share = integerOf(given, "INDELIBLE_TRACE_PERCENT", 0, PERCENT) / PERCENT;
  return new Tracing(
    { origin: env.INDELIBLE_ORIGIN, share },
    {
      url: `${endpoint.replace(/\/+$/, "")}/v1/traces`,
      headers: parseOtlpHeaders(headers),
      fetch: (url, init) => fetch(url, init),
      nowMs: Date.now,
      ...{ sleep, report },
    },
  );
}

/** `name=value,name=value`, values percent-encoded (OpenTelemetry, `OTEL_EXPORTER_OTLP_HEADERS`). Throws `EnvError`. */
function parseOtlpHeaders(text: string): Record<string, string> {
  const pairs = text.split(",").filter((pair) => pair.trim() !== "");
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, name, value] =
        /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*([\x20-\x7e]*?)\s*$/.exec(pair) ?? [];
      if (name === undefined)
        throw new EnvError("INDELIBLE_OTLP_HEADERS", "must be name=value pairs");
      return [name.toLowerCase(), decodeURIComponent(value!)];
    }),
  );
}
