/**
 * The one way out to addresses that somebody configured or that a called server named (issuers' keys). It takes https to
 * public addresses only, follows no redirect, and bounds time and size. On workerd of our own it goes through a network
 * that refuses loopback and private addresses after names are resolved, so no name can be aimed at the inside.
 */
import { outgoingProblem, urlOf } from "../storage/outgoing.ts";
import { readCounting } from "./body.ts";
import type { Env } from "./env.ts";

export interface OutgoingRequest {
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Of the answer's body, after it was unpacked. */
  readonly bytesMax: number;
  /** For the answer's head, and again for its body. */
  readonly msMax: number;
}

export interface OutgoingAnswer {
  /** 3xx too: a redirect is an answer like any other. */
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** Throws `OutgoingError` where there is no whole answer within the limits. */
export type Call = (url: string, request: OutgoingRequest) => Promise<OutgoingAnswer>;

/** The message says to which host, and why; never what was sent. */
export class OutgoingError extends Error {
  constructor(url: string, problem: string, cause?: unknown) {
    super(`a call to ${urlOf(url)?.host ?? "what is no URL"}: ${problem}`, { cause });
    this.name = "OutgoingError";
  }
}

/** `fetch` of a network, or the global one. */
type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export function outgoingCalls(fetchFrom: Fetch, privateAllowed: boolean): Call {
  return async (url, { method = "GET", headers = {}, body, bytesMax, msMax }) => {
    const problem = outgoingProblem(url, privateAllowed);
    if (problem !== null) throw new OutgoingError(url, `the address ${problem}`);
    let response: Response;
    try {
      response = await fetchFrom(url, {
        ...{ method, headers: { ...headers }, redirect: "manual" },
        ...(body === undefined ? {} : { body }),
        signal: AbortSignal.timeout(msMax),
      });
    } catch (error) {
      throw new OutgoingError(url, reasonOf(error), error);
    }
    try {
      return { status: response.status, headers: response.headers, body: await bodyOf() };
    } catch (error) {
      response.body?.cancel().catch(() => undefined);
      throw new OutgoingError(url, reasonOf(error), error);
    }

    function bodyOf(): Promise<Uint8Array> | Uint8Array {
      if (response.body === null) return new Uint8Array(0);
      const patience = { stallMsMax: msMax, arrivalMsMax: msMax };
      return readCounting(response.body, bytesMax, patience);
    }
  };
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  // What workerd says of a refused connection and of a refused address alike.
  if (!message.startsWith("internal error")) return message;
  return `it cannot be reached, or is a private address, which is not allowed (${message})`;
}

/** Without the binding, on an edge, nothing inside can be reached anyway. */
export function callsOf(env: Env): Call {
  // One shape for both, whose types differ between workerd and Node in what is not used here.
  const network = (env.OUTSIDE ?? globalThis) as unknown as { readonly fetch: Fetch };
  const privateAllowed = env.INDELIBLE_ALLOW_PRIVATE_ADDRESSES === "on";
  return outgoingCalls((url, init) => network.fetch(url, init), privateAllowed);
}
