/**
 * An instance that is asked over HTTP, with a token from the environment: what it has sealed, seen as a vault without locks. Nothing that
 * it says is believed: whoever reads batches here verifies them.
 */
import { parseSlotName, slotName } from "../../storage/log/batch.ts";
import { VaultError, type ObjectVersion, type Vault } from "../../storage/ports.ts";
import { TOKEN_VARIABLE } from "../config.ts";
import { InputError } from "./keys.ts";

/** A batch has 32 MiB of lines at most, and random ones do not get shorter. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
/** An instance that is busy says when to come again. */
const TRIES_MAX = 8;
const WAIT_SECONDS_MAX = 60;
const ANSWER_MS_MAX = 120_000;
const SEALS_PAGE = 500;

export class Instance {
  readonly base: string;
  readonly #token: string;

  /** `base`: its address, without a path of its own. Throws `InputError`. */
  constructor(base: URL, token: string | undefined) {
    if (base.username !== "" || base.password !== "" || base.hash !== "") {
      throw new InputError("An address with a password or a # in it is not taken.");
    }
    if (token === undefined || !/^[\x21-\x7e]+$/.test(token)) {
      throw new InputError(`The token is asked for in the environment: set ${TOKEN_VARIABLE}.`);
    }
    this.base = base.origin + base.pathname.replace(/\/+$/, "");
    this.#token = token;
  }

  /** The bytes of an answer; null for one of the problems in `unless`. Throws `InputError` with the instance's own words. */
  async bytes(path: string, unless: readonly string[] = []): Promise<Uint8Array | null> {
    for (let tried = 1; ; tried++) {
      const { response, body } = await this.#ask(path);
      if (response.ok) return body;
      const { code, detail } = problemIn(body);
      if (unless.includes(code)) return null;
      const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
      if (!(seconds <= WAIT_SECONDS_MAX) || tried === TRIES_MAX) {
        const said = code === "" ? "" : ` ${code}: ${detail}`;
        throw new InputError(`${this.base}${path} was answered ${response.status}${said}`);
      }
      await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
    }
  }

  async text(path: string, unless: readonly string[] = []): Promise<string | null> {
    const bytes = await this.bytes(path, unless);
    return bytes === null ? null : new TextDecoder().decode(bytes);
  }

  async #ask(path: string): Promise<{ response: Response; body: Uint8Array }> {
    const headers = { authorization: `Bearer ${this.#token}` };
    // A redirect would carry the token to where nobody said that it goes.
    const asked = {
      headers,
      redirect: "error",
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    } as const;
    try {
      const response = await fetch(this.base + path, asked);
      const parts: Uint8Array[] = [];
      let length = 0;
      for await (const part of response.body ?? []) {
        parts.push(part as Uint8Array);
        length += (part as Uint8Array).length;
        if (length > ANSWER_BYTES_MAX) throw new Error(`more than ${ANSWER_BYTES_MAX} bytes`);
      }
      return { response, body: Buffer.concat(parts) };
    } catch (error) {
      const { message, cause } = error as Error;
      const why = cause instanceof Error ? cause.message : message;
      throw new InputError(`${this.base}${path} cannot be read: ${why}`);
    }
  }

  /** What is sealed, as the list of seals has it. */
  get vault(): Pick<Vault, "get" | "versions"> {
    return {
      get: (key) => this.#object(key),
      versions: (prefix, after) => this.#versions(prefix, after),
    };
  }

  async #object(key: string): Promise<Uint8Array> {
    const slot = parseSlotName(key);
    const path = `/v1/logs/${slot?.log}/seals/${slot?.first}`;
    const gone = ["seal_unknown", "batch_missing", "batch_unreadable", "batch_altered"];
    const object = slot === null ? null : await this.bytes(path, gone);
    if (object === null) throw new VaultError("batch_missing", `the instance gives no ${key}`);
    return object;
  }

  async *#versions(prefix: string, after = ""): AsyncGenerator<ObjectVersion> {
    const log = prefix.slice(0, prefix.indexOf("/"));
    const start = Math.max((parseSlotName(after)?.first ?? -1) + 1, firstOf(prefix));
    let query = `order=asc&from=${start}`;
    for (;;) {
      const path = `/v1/logs/${log}/seals?${query}&limit=${SEALS_PAGE}`;
      const page = JSON.parse((await this.text(path))!) as SealPage;
      for (const { first, version_id, bytes } of page.seals) {
        const key = slotName(log, first);
        if (!key.startsWith(prefix)) return;
        const version = { key, versionId: version_id, bytes, lastModifiedMs: 0 };
        yield { ...version, deleteMarker: false, latest: true };
      }
      if (page.next_cursor === null) return;
      query = `cursor=${encodeURIComponent(page.next_cursor)}`;
    }
  }
}

interface SealPage {
  readonly seals: readonly { first: number; version_id: string; bytes: number }[];
  readonly next_cursor: string | null;
}

function firstOf(prefix: string): number {
  return parseSlotName(prefix)?.first ?? 0;
}

function problemIn(body: Uint8Array): { readonly code: string; readonly detail: string } {
  try {
    const { code, detail } = JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>;
    return { code: String(code ?? ""), detail: String(detail ?? "") };
  } catch {
    return { code: "", detail: "" };
  }
}

/** True for a word that is an address and no path. */
export function isAddress(word: string): boolean {
  return /^https?:\/\//i.test(word);
}
