/** A small collector of traces: a real OTLP/HTTP receiver on loopback that decodes the JSON and answers as it is told to. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly ms: number;
  /** 2: an error. */
  readonly status: number;
  readonly links: readonly string[];
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Of the process that made it. */
  readonly resource: Readonly<Record<string, string | number>>;
}

export interface Collector {
  readonly url: string;
  readonly spans: CollectedSpan[];
  /** Of each request, whatever was answered. */
  readonly headers: IncomingHttpHeaders[];
  /** What is answered from now on; null: nothing at all. */
  status: number | null;
  stop(): void;
}

export async function startCollector(): Promise<Collector> {
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      const known = request.method === "POST" && request.url === "/v1/traces";
      collector.headers.push(request.headers);
      if (known && collector.status === 200) collector.spans.push(...spansOf(body));
      if (collector.status === null) return;
      const head = { "content-type": "application/json" };
      response.writeHead(known ? collector.status : 404, head).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const collector: Collector = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ spans: [], headers: [], status: 200 },
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return collector;
}

/** Throws where it is no ExportTraceServiceRequest (opentelemetry-proto, `trace/v1`, in its JSON form). */
function spansOf(body: string): CollectedSpan[] {
  const { resourceSpans } = JSON.parse(body) as { resourceSpans: ResourceSpans[] };
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => {
        if (!/^[0-9a-f]{32}$/.test(span.traceId) || !/^[0-9a-f]{16}$/.test(span.spanId)) {
          throw new Error(`no span: ${JSON.stringify(span)}`);
        }
        const nanoseconds = BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano);
        return {
          ...span,
          ms: Number(nanoseconds) / 1e6,
          status: span.status?.code ?? 0,
          links: (span.links ?? []).map(({ traceId, spanId }) => `${traceId}-${spanId}`),
          attributes: valuesOf(span.attributes),
          resource: valuesOf(resource.attributes),
        };
      }),
    ),
  );
}

function valuesOf(attributes: readonly Attribute[]): Record<string, string | number> {
  return Object.fromEntries(
    attributes.map(({ key, value: { stringValue, intValue, doubleValue } }) => [
      key,
      stringValue ?? Number(intValue ?? doubleValue),
    ]),
  );
}

interface Attribute {
  readonly key: string;
  readonly value: {
    readonly stringValue?: string;
    readonly intValue?: string | number;
    readonly doubleValue?: number;
  };
}

interface ResourceSpans {
  readonly resource: { readonly attributes: readonly Attribute[] };
  readonly scopeSpans: readonly {
    readonly spans: readonly {
      readonly traceId: string;
      readonly spanId: string;
      readonly parentSpanId?: string;
      readonly name: string;
      readonly kind: number;
      readonly startTimeUnixNano: string;
      readonly endTimeUnixNano: string;
      readonly status?: { readonly code?: number };
      readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
      readonly attributes: readonly Attribute[];
    }[];
  }[];
}
