/** Vectors of canonical JSON and of entry lines. */
import { encodeUtf8, fromHex, toHex } from "../../storage/log/bytes.ts";
import { decodeLine, encodeLine } from "../../storage/log/entry.ts";
import { leafHash, ZERO_HASH } from "../../storage/log/hash.ts";
import { encodeJson, parseJson } from "../../storage/log/json.ts";
import { checkLine } from "../../storage/log/line-check.ts";
import { LineScanner } from "../../storage/log/line-scan.ts";
import { holds, refuses, same } from "./expect.ts";
import type { VectorMaterial } from "./vectors-material.ts";
import type { VectorCase } from "./vectors-suite.ts";

export function jsonCases({ canonical, entries }: VectorMaterial): VectorCase[] {
  const accepted = canonical.accepted.map(({ text, canonical: expected }) => ({
    name: `canonical form of ${text}`,
    run: () => {
      const once = encodeJson(parseJson(encodeUtf8(text)));
      same(once, expected);
      same(encodeJson(parseJson(once)), expected, "again");
    },
  }));
  const refused = canonical.refused.map(({ text, why }) => ({
    name: `refused: ${why} (${text.slice(0, 40)})`,
    run: async () => {
      const error = await refuses(() => parseJson(encodeUtf8(text)), ["invalid_json"]);
      same(error.errors.length, 1, "places");
      await refuses(() => parseJson(text), ["invalid_json"], "as a string");
    },
  }));
  const refusedBytes = canonical.refused_bytes_hex.map(({ hex, why }) => ({
    name: `refused: ${why}`,
    run: async () => {
      await refuses(() => parseJson(fromHex(hex)), ["invalid_json"]);
    },
  }));
  const scanner = new LineScanner(entries.log);
  const lines = entries.entries.map(({ seq, line, leaf }, i) => ({
    name: `entry ${seq}`,
    run: () => {
      const entry = decodeLine(line);
      same(encodeLine(entry), line, "written again");
      same(toHex(leafHash(encodeUtf8(line))), leaf, "leaf");
      const before = entries.entries[i - 1];
      const prev = before?.leaf ?? ZERO_HASH;
      same([entry.seq, entry.log, entry.prev], [seq, entries.log, prev], "place");
      same(checkLine(encodeUtf8(line), { log: entries.log, seq, prev }).time, entry.time, "time");
      const bytes = encodeUtf8(line);
      const quick = scanner.scan(bytes, 0, bytes.length, seq, fromHex(prev));
      holds(quick === isPlain(line), "what the quick scan leaves to the full reader");
    },
  }));
  return [...accepted, ...refused, ...refusedBytes, ...lines];
}

/** The vectors' details have member names with an escape and beyond ASCII, which the scan leaves to the full reader. */
function isPlain(line: string): boolean {
  return !line.includes('"details"');
}
