/** Rows of a table held against leaves that were computed before, so that a row is called checked only where it says what was sealed. */
import { encodeUtf8, equalBytes } from "../../../storage/log/bytes.ts";
import { LogError } from "../../../storage/log/errors.ts";
import { leafHash } from "../../../storage/log/hash.ts";
import { encodeJson, LINE_DEPTH_MAX, readJson } from "../../../storage/log/json.ts";

/** Leaves of `count` entries from `first` on, one behind the other. */
export interface Leaves {
  readonly first: number;
  readonly count: number;
  readonly leaves: Uint8Array;
}

export interface RowQuestion {
  /** The entry as JSON, in any order of members. */
  readonly json: string;
  readonly leaf: Uint8Array;
}

/** True for each row whose canonical line (FORMAT §1) has its leaf. */
export function checkRows(rows: readonly RowQuestion[]): boolean[] {
  return rows.map(({ json, leaf }) => {
    try {
      const line = encodeJson(readJson(json, LINE_DEPTH_MAX));
      return equalBytes(leafHash(encodeUtf8(line)), leaf);
    } catch (error) {
      if (error instanceof LogError) return false;
      throw error;
    }
  });
}
