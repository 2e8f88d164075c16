/** The operator's file of issuers: TOML, or JSON if it is named so. Nothing in it is secret. */
import { readFileSync } from "node:fs";
import { parse } from "smol-toml";
import { parseIssuers } from "../../storage/issuers.ts";

/** 20 issuers with 200 rules each would be larger, and nobody's. */
const FILE_BYTES_MAX = 256 * 1024;

/** The file's content as JSON for the worker, checked. Throws what is wrong, with the place in the file. */
export function readIssuersFile(path: string, privateAllowed: boolean): string {
  const text = readFileSync(path, "utf8");
  if (text.length > FILE_BYTES_MAX) throw new Error(`is larger than ${FILE_BYTES_MAX} bytes`);
  const value: unknown = path.endsWith(".json") ? JSON.parse(text) : parse(text);
  parseIssuers(value, privateAllowed);
  return JSON.stringify(value);
}
