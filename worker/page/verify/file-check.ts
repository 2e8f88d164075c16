/**
 * A file that somebody dropped, checked without any server: a sealed batch, an export, or receipts with their lines. What it is, its bytes
 * say, not its name.
 */
import { BATCH_INFLATED_BYTES_MAX, checkBatch, decodeBatch } from "../../../storage/log/batch.ts";
import { decodeUtf8, encodeUtf8, equalBytes, toBase64 } from "../../../storage/log/bytes.ts";
import { LogError } from "../../../storage/log/errors.ts";
import { ExportCheck } from "../../../storage/log/export-check.ts";
import { EXPORT_FORMAT } from "../../../storage/log/export-jsonl.ts";
import { formatFilter } from "../../../storage/log/filter.ts";
import { parseVkey } from "../../../storage/log/note.ts";
import { parseReceipt } from "../../../storage/log/receipt.ts";
import { checkEntry, vkeysFor, type EntryVerdict } from "./entry-check.ts";
import { flip, flipText } from "./flip.ts";
import { splitLines } from "./index-chain.ts";
import { gunzip } from "./gunzip.ts";
import type { Badge } from "./verdict.ts";

export interface DroppedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface FileVerdict {
  readonly name: string;
  readonly kind: "batch" | "export" | "receipt" | "line" | "unknown";
  readonly badge: Badge;
  readonly words: string;
  /** The entry that does not match, where it is known. */
  readonly seq: number | null;
  readonly entry: EntryVerdict | null;
}

/** A file is read whole; a batch inflates to little more than 32 MiB, and packed it is smaller. */
export const FILE_BYTES_MAX = 64 * 1024 * 1024;

const EXPORT_START = encodeUtf8(`{"format":"${EXPORT_FORMAT}",`);
const RECEIPT_START = "c2sp.org/tlog-proof@v1\n";

/**
 * Checks the files together: a line finds its receipt among them. `vkeys`: keys that are trusted, of any log. `isFlipped`: one character of
 * each is changed first, to show what that looks like.
 */
export async function checkFiles(
  files: readonly DroppedFile[],
  vkeys: readonly string[],
  isFlipped = false,
): Promise<FileVerdict[]> {
  const lines: string[] = [];
  const receipts: { readonly name: string; readonly text: string }[] = [];
  const verdicts: FileVerdict[] = [];
  for (const { name, bytes } of files) {
    const refused = (words: string): void =>
      void verdicts.push({
        name,
        kind: "unknown",
        badge: "Not checked",
        words,
        seq: null,
        entry: null,
      });
    if (bytes.length > FILE_BYTES_MAX) refused(`larger than ${FILE_BYTES_MAX} bytes`);
    else if (bytes[0] === 0x1f && bytes[1] === 0x8b)
      verdicts.push(await checkBatchFile(name, bytes, vkeys, isFlipped));
    else if (equalBytes(bytes.subarray(0, EXPORT_START.length), EXPORT_START))
      verdicts.push(await checkExportFile(name, bytes, vkeys, isFlipped));
    else {
      const text = textOf(bytes);
      if (text === null) refused("neither a batch, nor a receipt, nor a line");
      else if (text.startsWith(RECEIPT_START)) receipts.push({ name, text });
      else if (text.startsWith('{"by":'))
        lines.push(...text.split("\n").filter((line) => line !== ""));
      else refused("neither a batch, nor a receipt, nor a line");
    }
  }
  for (const { name, text } of receipts)
    verdicts.push(
      await checkReceiptFile(
        name,
        text,
        lines.map((line) => (isFlipped ? flipText(line) : line)),
        vkeys,
      ),
    );
  if (receipts.length === 0 && lines.length > 0) {
    const words = "lines prove nothing by themselves: drop their receipt (.tlog-proof) with them";
    verdicts.push({
      name: "lines",
      kind: "line",
      badge: "Not checked",
      words,
      seq: null,
      entry: null,
    });
  }
  return verdicts;
}

async function checkBatchFile(
  name: string,
  bytes: Uint8Array,
  vkeys: readonly string[],
  isFlipped: boolean,
): Promise<FileVerdict> {
  const verdict = { name, kind: "batch", seq: null, entry: null } as const;
  try {
    const batch = decodeBatch(await gunzip(bytes, BATCH_INFLATED_BYTES_MAX));
    const { header, lines } = batch;
    const middle = lines.at(Math.floor(lines.length / 2));
    if (isFlipped) middle.set(flip(middle));
    const keys = vkeysFor(header.origin, vkeys).map(parseVkey);
    if (keys.length === 0) {
      return {
        ...verdict,
        badge: "Not checked",
        words: `no verifier key of ${header.origin} is known here: paste it`,
      };
    }
    const { head, checkpoint } = await checkBatch(batch, keys);
    const words = `${header.count} entries of ${header.origin}, ${header.first} to ${head.size - 1}: signed root ${toBase64(checkpoint.root)}`;
    return { ...verdict, badge: "Verified here", words };
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return { ...verdict, ...refusal(error), seq: error.seq ?? null };
  }
}

/** Every record by itself, and what the file says of itself; that the server left no hit out, an export does not show. */
async function checkExportFile(
  name: string,
  bytes: Uint8Array,
  vkeys: readonly string[],
  isFlipped: boolean,
): Promise<FileVerdict> {
  const verdict = { name, kind: "export", entry: null } as const;
  const origins = new Set<string>();
  const check = new ExportCheck({
    keysFor: (origin) => {
      origins.add(origin);
      return vkeysFor(origin, vkeys).map(parseVkey);
    },
  });
  const lines = splitLines(bytes);
  const middle = Math.floor(lines.length / 2);
  for (const [i, line] of lines.entries()) {
    await check.line(isFlipped && i === middle ? flip(line) : line);
  }
  const { findings, count, log, from, to, filter } = check.finish();
  const [finding] = findings;
  const isUnknown = [...origins].some((origin) => vkeysFor(origin, vkeys).length === 0);
  if (isUnknown) {
    const words = `no verifier key of ${[...origins].join(", ")} is known here: paste it`;
    return { ...verdict, badge: "Not checked", words, seq: null };
  }
  if (finding !== undefined) {
    const words = `${finding.code}: expected ${finding.expected}, found ${finding.found}`;
    return { ...verdict, badge: "Does not match", words, seq: finding.first };
  }
  const asked = formatFilter(filter);
  const words = `${count} entries of ${log}, ${from} to ${to - 1}${asked === "" ? "" : ` asked for by ${asked}`}: each has its receipt`;
  return { ...verdict, badge: "Verified here", words, seq: null };
}

async function checkReceiptFile(
  name: string,
  receipt: string,
  lines: readonly string[],
  vkeys: readonly string[],
): Promise<FileVerdict> {
  const verdict = { name, kind: "receipt" } as const;
  try {
    const { seq, checkpoint } = parseReceipt(receipt);
    const line = lines.find((text) => text.includes(`,"seq":${seq},"time":"`));
    if (line === undefined) {
      return {
        ...verdict,
        badge: "Not checked",
        words: `drop the line of entry ${seq} with it`,
        seq,
        entry: null,
      };
    }
    const origin = checkpoint.slice(0, checkpoint.indexOf("\n"));
    const entry = await checkEntry({
      line,
      receipt,
      vkeys: vkeysFor(origin, vkeys),
      receiptVkey: null,
      said: null,
    });
    return { ...verdict, badge: entry.badge, words: entry.words, seq, entry };
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return { ...verdict, ...refusal(error), seq: null, entry: null };
  }
}

function refusal({ code, detail }: LogError): Pick<FileVerdict, "badge" | "words"> {
  return { badge: "Does not match", words: `${code}: ${detail}` };
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return decodeUtf8(bytes);
  } catch {
    return null;
  }
}
