/**
 * Spans on their way to a collector by OTLP/HTTP (OpenTelemetry Protocol 1.x, JSON encoding). They wait in bounded room and
 * leave together behind whatever was answered: nothing ever waits for the collector, and one that is away costs the spans
 * for which there is no room. The SDK's own batch processor is not used, because its timers outlive the request that began
 * them, which workerd does not allow.
 */
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";

/** What goes on after the answer, or behind a Durable Object's call. */
export type Later = (work: Promise<unknown>) => void;

export interface ExporterParts {
  /** The collector's address of traces. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly nowMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly report: (
    level: "info" | "warn",
    message: string,
    fields?: Record<string, unknown>,
  ) => void;
}

/** A span has 2 KB in memory: 4 MB at most, or the spans of a busy second. */
const WAITING_MAX = 2_048;
/** In one request: some 300 KB of JSON. */
const SENT_TOGETHER_MAX = 512;
/** Spans are gathered so long, so that a quiet instance sends one request and not five. */
const GATHER_MS = 1_000;
const ANSWER_MS_MAX = 5_000;
/** Pauses after a failure: doubled from the first to the last. */
const RETRY_MS_MIN = 5_000;
const RETRY_MS_MAX = 60_000;
/** A sender that was ended in its middle, as workerd may do with a request's work, is not waited for longer. */
const SENDER_MS_MAX = 30_000;

/** The answers after which the same may be sent again (OTLP 1.x, "Retryable Response Codes"). */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

export class SpanExporter implements SpanProcessor {
  readonly #parts: ExporterParts;
  #waiting: ReadableSpan[] = [];
  #senderSinceMs = -Infinity;
  #notBeforeMs = 0;
  #retryMs = RETRY_MS_MIN;
  #away = false;
  sent = 0;
  dropped = 0;

  constructor(parts: ExporterParts) {
    this.#parts = parts;
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#waiting.length < WAITING_MAX) this.#waiting.push(span);
    else this.dropped += 1;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Sends what waits behind the caller's back, unless somebody does already, or the collector is being left alone. */
  kick(later: Later): void {
    const nowMs = this.#parts.nowMs();
    if (this.#waiting.length === 0 || nowMs < this.#notBeforeMs) return;
    if (nowMs - this.#senderSinceMs < SENDER_MS_MAX) return;
    this.#senderSinceMs = nowMs;
    later(this.#send(nowMs));
  }

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}

  async #send(sinceMs: number): Promise<void> {
    await this.#parts.sleep(GATHER_MS);
    const mine = (): boolean => this.#senderSinceMs === sinceMs;
    while (mine() && this.#waiting.length > 0) {
      const spans = this.#waiting.slice(0, SENT_TOGETHER_MAX);
      const refused = await this.#post(spans);
      if (!mine()) return;
      if (refused !== null && refused.again) {
        this.#failed(refused.why);
        break;
      }
      this.#waiting = this.#waiting.slice(spans.length);
      if (refused === null) this.#went(spans.length);
      else {
        this.dropped += spans.length;
        this.#failed(refused.why);
        break;
      }
    }
    this.#senderSinceMs = -Infinity;
  }

  /** Null where the collector took them. Never throws. */
  async #post(spans: ReadableSpan[]): Promise<{ why: string; again: boolean } | null> {
    const { url, headers, fetch } = this.#parts;
    try {
      const answer = await fetch(url, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json" },
        body: JsonTraceSerializer.serializeRequest(spans) ?? "",
        redirect: "manual",
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
      await answer.body?.cancel();
      if (answer.ok) return null;
      return { why: `status ${answer.status}`, again: RETRYABLE.has(answer.status) };
    } catch (error) {
      return { why: String(error), again: true };
    }
  }

  #went(count: number): void {
    this.sent += count;
    this.#retryMs = RETRY_MS_MIN;
    if (this.#away) this.#parts.report("info", "traces are taken again", { dropped: this.dropped });
    this.#away = false;
  }

  /** Said once, and once more when it is over. */
  #failed(reason: string): void {
    this.#notBeforeMs = this.#parts.nowMs() + this.#retryMs;
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS_MAX);
    if (!this.#away) this.#parts.report("warn", "the collector takes no traces", { reason });
    this.#away = true;
  }
}
