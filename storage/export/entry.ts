/** An entry as the exports that are no evidence see it: its line taken apart, its texts where they are wanted. */
import { isJsonObject, type Json, type JsonObject } from "../log/json.ts";

export interface ExportedEntry {
  readonly seq: number;
  /** The leaf, hex. */
  readonly hash: string;
  readonly by: string;
  /** `YYYY-MM-DDTHH:MM:SS.mmmZ`, by the server's clock. */
  readonly time: string;
  readonly event: JsonObject;
}

/** The entry of a line that is known to be right. */
export function exportedEntry(seq: number, hash: string, line: string): ExportedEntry {
  const { by, time, event } = JSON.parse(line) as Pick<ExportedEntry, "by" | "time" | "event">;
  return { seq, hash, by, time, event };
}

/** The text of a member, null where there is none. */
export function textAt(value: Json | undefined, name: string): string | null {
  const text = isJsonObject(value) ? value[name] : undefined;
  return typeof text === "string" ? text : null;
}
