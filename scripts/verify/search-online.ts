/** A search that the verifier asks for by itself: all its pages, one after the other, of the instance that its address names. */
import { isLogName } from "../../storage/log/entry.ts";
import { openCheckpoint, receiptKeyName } from "../../storage/log/checkpoint.ts";
import { FILTER_NAMES, FilterError, isEverything, parseFilter } from "../../storage/log/filter.ts";
import type { Asked } from "../../storage/log/answer-check.ts";
import type { ProvenAnswer } from "../../storage/log/answer-proof.ts";
import { LogError } from "../../storage/log/errors.ts";
import { parseVkey, type VerifierKey } from "../../storage/log/note.ts";
import { keysOf } from "../../storage/flow/verify.ts";
import { webCryptoVerify } from "../../storage/keys.ts";
import { Instance } from "./instance.ts";
import { InputError } from "./keys.ts";
import { parseAnswer } from "./search.ts";

/** The most that a page may hold. */
const PAGE_HITS = 1_000;

/** What an address of a search may say beside the filter; how the pages are asked for is the verifier's own matter. */
const OTHERS = ["order", "from", "limit", "fresh", "prove"];

export interface OnlineSearch {
  readonly instance: Instance;
  readonly asked: Asked;
  readonly pages: AsyncIterable<ProvenAnswer>;
  /** The receipt key, as the instance says it: for what is not sealed, where none was given. */
  readonly receiptKey: VerifierKey;
}

/** `address`: `https://…/v1/logs/{log}/entries?` with a filter. Throws `InputError`. */
export async function searchOnline(
  address: string,
  token: string | undefined,
  known: { readonly keys: readonly VerifierKey[]; readonly instanceOrigin: string },
): Promise<OnlineSearch> {
  const url = new URL(address);
  const [, base, log] = /^(.*)\/v1\/logs\/([^/]+)\/entries$/.exec(url.pathname) ?? [];
  if (log === undefined || !isLogName(log)) {
    throw new InputError(`${address} is no address of a search: …/v1/logs/{log}/entries?action=…`);
  }
  const home = new URL(url);
  [home.pathname, home.search] = [base!, ""];
  const instance = new Instance(home, token);
  const asked = { log, ...askedIn(url.searchParams) };
  const { origin, receipt_vkey } = JSON.parse((await instance.text(`/v1/logs/${log}`))!) as {
    readonly origin: string;
    readonly receipt_vkey: string;
  };
  const receiptKey = parseVkey(receipt_vkey);
  if (receiptKey.name !== receiptKeyName(origin)) {
    throw new InputError(`${instance.base} names a receipt key of another log.`);
  }
  const keys = keysOf(known.keys, known.instanceOrigin, origin);
  const sealedSize = await sealedSizeOf(instance, log, keys);
  const pages = pagesOf(instance, url.searchParams, { ...asked, sealedSize });
  return { instance, asked: { ...asked, sealedSize }, pages, receiptKey };
}

function askedIn(query: URLSearchParams): Omit<Asked, "log" | "sealedSize"> {
  for (const name of query.keys()) {
    if (![...FILTER_NAMES, ...OTHERS].includes(name)) {
      const why = name === "cursor" ? "the search itself, not one of its pages" : "not this";
      throw new InputError(`"${name}" in the address: the verifier takes ${why}.`);
    }
    if (query.getAll(name).length > 1) throw new InputError(`"${name}" stands there twice.`);
  }
  const order = query.get("order") ?? "desc";
  if (order !== "asc" && order !== "desc") throw new InputError("order is asc or desc.");
  const from = query.get("from");
  try {
    const filter = parseFilter((name) => query.get(name));
    if (!isEverything(filter)) return { filter, order, from: from === null ? null : Number(from) };
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    throw new InputError(`${error.parameter}: ${error.detail}.`);
  }
  throw new InputError("Without a filter no seq may be missing, which shows: see export.");
}

/** Of the newest sealed checkpoint, asked for before the search: what the answer has to know of. */
async function sealedSizeOf(
  instance: Instance,
  log: string,
  keys: readonly VerifierKey[],
): Promise<number> {
  const note = await instance.text(`/v1/logs/${log}/checkpoint`, ["seal_unknown"]);
  if (note === null) return 0;
  try {
    return (await openCheckpoint(note, keys, webCryptoVerify())).size;
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    throw new InputError(`The checkpoint of ${instance.base} does not hold: ${error.message}`);
  }
}

async function* pagesOf(
  instance: Instance,
  given: URLSearchParams,
  { log, order }: Asked,
): AsyncGenerator<ProvenAnswer> {
  const query = new URLSearchParams(given);
  query.set("order", order);
  query.set("prove", "true");
  query.delete("fresh");
  if (!query.has("limit")) query.set("limit", String(PAGE_HITS));
  for (;;) {
    const path = `/v1/logs/${log}/entries?${query.toString()}`;
    const page = parseAnswer((await instance.bytes(path))!, path);
    yield page;
    if (page.next_cursor === null) return;
    query.delete("from");
    query.set("cursor", page.next_cursor);
  }
}
