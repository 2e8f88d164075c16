/** Where traces go, if anywhere, and how many of them. */

export interface TracesConfig {
  /** A collector of OTLP/HTTP: `/v1/traces` is added to its address. */
  readonly endpoint: string;
  /** As they stand in the setting: `name=value,name=value`, values percent-encoded. */
  readonly headers: string;
  /** Of the traces on which no caller has decided. */
  readonly percent: number;
}

type Key = "OTLP_ENDPOINT" | "OTLP_HEADERS";

interface Given {
  text(key: Key): string | null;
  integer(key: "TRACE_PERCENT", min: number, max: number): number | null;
}

/** A busy instance has thousands of requests a second; of them a part shows what there is to see. */
const PERCENT = 10;
const PERCENT_MAX = 100;

/** A name is a token (RFC 9110 §5.6.2); values are percent-encoded (OpenTelemetry, `OTEL_EXPORTER_OTLP_HEADERS`). */
const HEADER = /^\s*[!#$%&'*+.^_`|~0-9A-Za-z-]+\s*=[\x20-\x7e]*$/;

/** `refuse` makes an error of a setting and what is wrong with it. */
export function readTraces(
  settings: Given,
  refuse: (key: Key, problem: string) => Error,
): TracesConfig | null {
  const endpoint = settings.text("OTLP_ENDPOINT");
  const headers = settings.text("OTLP_HEADERS") ?? "";
  const percent = settings.integer("TRACE_PERCENT", 0, PERCENT_MAX) ?? PERCENT;
  if (headers !== "" && !headers.split(",").every(isHeader)) {
    throw refuse("OTLP_HEADERS", "must be name=value with commas between them, percent-encoded.");
  }
  if (endpoint === null) return null;
  if (!isEndpoint(endpoint)) {
    const form = "an address like http://collector:4318";
    throw refuse("OTLP_ENDPOINT", `must be ${form} without a password, query or fragment in it.`);
  }
  return { endpoint, headers, percent };
}

function isEndpoint(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && /^https?:$/.test(url.protocol) && !/[@?#]/.test(text);
}

function isHeader(text: string): boolean {
  try {
    return HEADER.test(text) && /^[\x20-\x7e]*$/.test(decodeURIComponent(text));
  } catch {
    return false;
  }
}
