/**
 * Traces for OpenTelemetry, where a collector was configured: a span for each request, for each group that is committed, each
 * seal and each audit. Which traces are taken the caller decides who sends `traceparent` (W3C Trace Context §3.2), else a
 * share of them. A span says what was done and how long it took: never a token, a body, a query or who acted.
 */
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Attributes, Context, Span, SpanContext, Tracer } from "@opentelemetry/api";
import { parseTraceParent } from "@opentelemetry/core";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { Counter, Gauge, Registry } from "prom-client";
import { SpanExporter, type ExporterParts, type Later } from "./exporter.ts";

export interface TracingSettings {
  /** Names the instance. */
  readonly origin: string;
  /** Of the traces that nobody has decided on, 0 to 1. */
  readonly share: number;
}

export interface Spanned {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  /** What went wrong. */
  readonly error?: string;
}

/** Of links, as the SDK keeps them. */
const LINKS_MAX = 128;
const FAILED = 500;

/** A request under way. */
export class RequestSpan {
  readonly #span: Span;

  constructor(span: Span) {
    this.#span = span;
  }

  get traceId(): string {
    return this.#span.spanContext().traceId;
  }

  /** For what is done on its behalf; undefined where nobody takes this trace. */
  get parent(): string | undefined {
    if (!this.#span.isRecording()) return undefined;
    const { traceId, spanId } = this.#span.spanContext();
    return `00-${traceId}-${spanId}-01`;
  }

  end(status: number, endMs: number, attributes: Attributes): void {
    if (!this.#span.isRecording()) return;
    this.#span.setAttributes({ ...attributes, "http.response.status_code": status });
    // Of a server's span, only its own faults are errors (semantic conventions of HTTP).
    if (status >= FAILED) this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.#span.end(endMs);
  }
}

export class Tracing {
  readonly exporter: SpanExporter;
  readonly #tracer: Tracer;

  constructor({ origin, share }: TracingSettings, parts: ExporterParts) {
    this.exporter = new SpanExporter(parts);
    const provider = new TracerProvider({
      resource: resourceFromAttributes({
        "service.name": "indelible",
        "service.instance.id": origin,
      }),
      sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(share) }),
      spanProcessors: [this.exporter],
    });
    this.#tracer = provider.getTracer("indelible");
  }

  /** Begins the span of a request to a route; a `traceparent` that is none is as good as none. */
  request(request: Request, method: string, route: string, startTime: number): RequestSpan {
    const given = request.headers.get("traceparent");
    const context = contextOf(given === null ? null : parseTraceParent(given), true);
    const attributes = { "http.request.method": method, "http.route": route };
    const options = { kind: SpanKind.SERVER, startTime, attributes };
    return new RequestSpan(this.#tracer.startSpan(`${method} ${route}`, options, context));
  }

  /** What is over, as a span: in the trace of the first of `parents`, and linked to the others. */
  done(
    { name, startMs, endMs, attributes, error }: Spanned,
    parents: readonly string[] = [],
  ): void {
    const [first = null, ...others] = parents.map(parseTraceParent).filter((one) => one !== null);
    const links = others.slice(0, LINKS_MAX).map((context) => ({ context }));
    const options = { startTime: startMs, attributes, links };
    const span = this.#tracer.startSpan(name, options, contextOf(first, false));
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
    span.end(endMs);
  }

  /** Has what waits sent, behind what is under way. */
  sendLater(later: Later): void {
    this.exporter.kick(later);
  }

  /** For Prometheus. */
  metrics(): Promise<string> {
    const { sent, dropped, waiting } = this.exporter;
    const registers = [new Registry()];
    const spans = new Counter({
      name: "indelible_trace_spans_total",
      help: "Spans that the collector took, and those that were dropped.",
      labelNames: ["result"],
      registers,
    });
    spans.inc({ result: "sent" }, sent);
    spans.inc({ result: "dropped" }, dropped);
    const help = "Spans that wait for the collector.";
    new Gauge({ name: "indelible_trace_spans_waiting", help, registers }).set(waiting);
    return registers[0]!.metrics();
  }
}

/** For Durable Objects, whose work goes on by itself. */
export const inBackground: Later = (work) => void work.catch(() => {});

function contextOf(parent: SpanContext | null, isRemote: boolean): Context {
  return parent === null
    ? ROOT_CONTEXT
    : trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote });
}
