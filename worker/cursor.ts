/**
 * Where a list goes on. A cursor names the list, the log, the direction and the next place, so that one
 * which was taken from elsewhere is refused instead of answering something else. Opaque to its holder;
 * it gives no right to anything.
 */
import { decodeUtf8, encodeUtf8, fromBase64Url, toBase64Url } from "../storage/log/bytes.ts";
import { parseInteger, wrong, type Query } from "./query.ts";

export type Order = "asc" | "desc";

export interface Cursor {
  readonly list: "entries" | "seals";
  readonly log: string;
  readonly order: Order;
  /** The seq at which the next page begins. */
  readonly from: number;
}

/** Unpadded base64url of `<list> <order> <from> <log>`. */
export function formatCursor({ list, order, from, log }: Cursor): string {
  return toBase64Url(encodeUtf8(`${list} ${order} ${from} ${log}`));
}

/** The inverse; `null` for what `formatCursor` does not write. */
export function parseCursor(text: string): Cursor | null {
  let parts: string[];
  try {
    parts = decodeUtf8(fromBase64Url(text)).split(" ");
  } catch {
    return null;
  }
  const [list, order, fromText = "", log = ""] = parts;
  const from = parseInteger(fromText);
  if (parts.length !== 4 || from === null) return null;
  if (list !== "entries" && list !== "seals") return null;
  if (order !== "asc" && order !== "desc") return null;
  return { list, order, from, log };
}

export interface Place {
  readonly order: Order;
  /** `null`: from that end of the log where the order begins. */
  readonly from: number | null;
}

/** The place that `order`, `from` and `cursor` name together. */
export function placeOf(query: Query, list: Cursor["list"], log: string): Place {
  const order = query.oneOf("order", ["asc", "desc"]);
  const from = query.integer("from", 0, Number.MAX_SAFE_INTEGER);
  const text = query.text("cursor");
  if (text === null) return { order: order ?? "desc", from };
  const cursor = parseCursor(text);
  if (cursor === null || cursor.list !== list || cursor.log !== log) {
    throw wrong("cursor", "is not one that this list gave");
  }
  if (from !== null || (order !== null && order !== cursor.order)) {
    throw wrong("cursor", "says order and place already");
  }
  return { order: cursor.order, from: cursor.from };
}
