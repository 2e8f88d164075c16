/** An instance's API as the browser asks it: the page's own cookie, bounds on what is taken, patience where the server asks for it. */
import {
  BATCH_BYTES_MAX,
  BATCH_INFLATED_BYTES_MAX,
  BATCH_LINES_MAX,
} from "../../../storage/log/batch.ts";
import { concatBytes, decodeUtf8, fromBase64 } from "../../../storage/log/bytes.ts";
import { NOTE_BYTES_MAX } from "../../../storage/log/note.ts";
import { SourceError, type LogFacts, type LogSource, type SealFacts } from "./source.ts";

/** Pages of JSON; the server ends them at 4 MiB by itself. */
const JSON_BYTES_MAX = 8 * 1024 * 1024;
const LINES_BYTES_MAX = BATCH_BYTES_MAX + BATCH_LINES_MAX;
const SEALS_PAGE = 200;
/** How often a busy server is asked again, and for how long one waits at most. */
const TRIES_MAX = 6;
const WAIT_MS_MAX = 10_000;

interface SealsPage {
  readonly seals: readonly SealFacts[];
  readonly next_cursor: string | null;
}

export class HttpSource implements LogSource {
  readonly #base: string;

  /** `origin` of the instance, without a slash; the empty string for the page's own. */
  constructor(origin: string, log: string) {
    this.#base = `${origin}/v1/logs/${encodeURIComponent(log)}`;
  }

  async log(): Promise<LogFacts> {
    const item = await this.#json<Record<string, unknown>>("");
    return {
      name: String(item["name"]),
      origin: String(item["origin"]),
      vkey: String(item["vkey"]),
      receiptVkey: String(item["receipt_vkey"]),
      size: Number(item["size"]),
      sealedSize: Number(item["sealed_size"]),
    };
  }

  async *seals(from: number): AsyncGenerator<SealFacts> {
    const before = await this.#json<SealsPage>(`/seals?order=desc&from=${from}&limit=1`);
    let path = `/seals?order=asc&from=${before.seals[0]?.first ?? from}&limit=${SEALS_PAGE}`;
    for (;;) {
      const page = await this.#json<SealsPage>(path);
      yield* page.seals;
      if (page.next_cursor === null) return;
      path = `/seals?limit=${SEALS_PAGE}&cursor=${encodeURIComponent(page.next_cursor)}`;
    }
  }

  object(first: number): Promise<Uint8Array> {
    return this.#bytes(`/seals/${first}`, BATCH_INFLATED_BYTES_MAX);
  }

  lines(from: number, count: number): Promise<Uint8Array> {
    const path = `/entries?order=asc&from=${from}&limit=${count}`;
    return this.#bytes(path, LINES_BYTES_MAX, "application/x-ndjson");
  }

  async checkpoint(committed: boolean): Promise<string> {
    return this.#text(committed ? "/checkpoint?committed" : "/checkpoint");
  }

  async consistency(from: number, to: number): Promise<Uint8Array[]> {
    const { hashes } = await this.#json<{ hashes: string[] }>(`/consistency?from=${from}&to=${to}`);
    return hashes.map(fromBase64);
  }

  search(query: string): Promise<Uint8Array> {
    return this.#bytes(`/entries?${query}`, JSON_BYTES_MAX);
  }

  receipt(seq: number): Promise<string> {
    return this.#text(`/entries/${seq}/proof`);
  }

  async #json<T>(path: string): Promise<T> {
    const bytes = await this.#bytes(path, JSON_BYTES_MAX);
    return JSON.parse(new TextDecoder().decode(bytes)) as T;
  }

  async #text(path: string): Promise<string> {
    return decodeUtf8(await this.#bytes(path, 2 * NOTE_BYTES_MAX));
  }

  async #bytes(path: string, bytesMax: number, accept?: string): Promise<Uint8Array> {
    for (let tried = 1; ; tried++) {
      const response = await ask(this.#base + path, accept);
      if (response.ok) return readBounded(response, bytesMax);
      const error = await problemOf(response);
      const waitMs = Number(response.headers.get("retry-after") ?? Number.NaN) * 1_000;
      if (Number.isNaN(waitMs) || waitMs > WAIT_MS_MAX || tried === TRIES_MAX) throw error;
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

async function ask(url: string, accept = "*/*"): Promise<Response> {
  try {
    return await fetch(url, {
      headers: { accept, "x-indelible-page": "1" },
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
    });
  } catch (cause) {
    throw new SourceError("unreachable", `the server did not answer (${String(cause)})`);
  }
}

async function readBounded(response: Response, bytesMax: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = response.body!.getReader();
  for (;;) {
    const read = await reader.read().catch((cause: unknown) => {
      throw new SourceError("broken_off", `the answer broke off (${String(cause)})`);
    });
    if (read.done) return concatBytes(...parts);
    const part = read.value as Uint8Array;
    length += part.length;
    if (length > bytesMax) {
      await reader.cancel();
      throw new SourceError("too_large", `an answer of more than ${bytesMax} bytes`);
    }
    parts.push(part);
  }
}

/** The server's own words, where it sent a problem document. */
async function problemOf(response: Response): Promise<SourceError> {
  const text = new TextDecoder().decode(await readBounded(response, JSON_BYTES_MAX));
  try {
    const { code, detail } = JSON.parse(text) as { code: unknown; detail: unknown };
    return new SourceError(String(code), String(detail));
  } catch {
    return new SourceError("unreachable", `the server answered ${response.status}`);
  }
}
