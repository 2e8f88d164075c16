/**
 * Where a search goes on: the order, the place behind the last entry that was given, and which filter it was for. Entries that come
 * later change nothing before the place, so none is given twice and none is left out. Opaque to its holder; it
 * gives no right to anything.
 */
import {
  decodeUtf8,
  encodeUtf8,
  fromBase64Url,
  toBase64Url,
  toHex,
} from "../../storage/log/bytes.ts";
import { formatFilter, type Filter } from "../../storage/log/filter.ts";
import type { Sha256 } from "../../storage/log/hash.ts";
import type { Order } from "../cursor.ts";
import { parseInteger, wrong, type Query } from "../query.ts";

/** The last entry that was given. Of a search in one log its time says nothing. */
export interface LastGiven {
  readonly timeMs: number;
  readonly log: string;
  readonly seq: number;
}

export interface SearchPlace {
  readonly order: Order;
  readonly last: LastGiven | null;
}

const KIND = "search1";
/** 64 bits: a cursor is no secret, it is only held against another filter by mistake. */
const FINGERPRINT_LENGTH = 16;

export class SearchCursors {
  readonly #fingerprint: string;

  /** `scope`: what else the search is of, such as the names of its logs. */
  constructor(filter: Filter, scope: string, sha256: Sha256) {
    const hash = sha256(encodeUtf8(`${scope}\n${formatFilter(filter)}`));
    this.#fingerprint = toHex(hash).slice(0, FINGERPRINT_LENGTH);
  }

  /** Unpadded base64url of `search1 <order> <fingerprint> <time> <seq> <log>`. */
  format(order: Order, { timeMs, log, seq }: LastGiven): string {
    const text = [KIND, order, this.#fingerprint, timeMs, seq, log].join(" ");
    return toBase64Url(encodeUtf8(text));
  }

  /** The place that `order` and `cursor` name together. Throws `invalid_request`. */
  placeOf(query: Query): SearchPlace {
    const order = query.oneOf("order", ["asc", "desc"]);
    const text = query.text("cursor");
    if (text === null) return { order: order ?? "desc", last: null };
    const place = this.#parse(text);
    if (place === null) throw wrong("cursor", "is not one that this search gave");
    if (query.has("from") || (order !== null && order !== place.order)) {
      throw wrong("cursor", "says order and place already");
    }
    return place;
  }

  #parse(text: string): SearchPlace | null {
    let parts: string[];
    try {
      parts = decodeUtf8(fromBase64Url(text)).split(" ");
    } catch {
      return null;
    }
    const [kind, order, fingerprint, time = "", seqText = "", log = ""] = parts;
    const timeMs = parseInteger(time);
    const seq = parseInteger(seqText);
    if (parts.length !== 6 || kind !== KIND || fingerprint !== this.#fingerprint) return null;
    if ((order !== "asc" && order !== "desc") || timeMs === null || seq === null) return null;
    return { order, last: { timeMs, log, seq } };
  }
}
