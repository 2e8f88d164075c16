/**
 * One entry: the leaf from its exact bytes, the receipt's path from the leaf to a root, and who signed that root. Each step says
 * whether it holds and shows the numbers, so that the way can be followed by eye.
 */
import { encodeUtf8, toBase64, toHex } from "../../../storage/log/bytes.ts";
import { logOfOrigin, openCheckpoint, parseCheckpoint } from "../../../storage/log/checkpoint.ts";
import { decodeLine, type Entry } from "../../../storage/log/entry.ts";
import { LogError } from "../../../storage/log/errors.ts";
import { leafHash } from "../../../storage/log/hash.ts";
import { formatVkey, parseNote, parseVkey, type VerifierKey } from "../../../storage/log/note.ts";
import { checkInclusion } from "../../../storage/log/proof.ts";
import { parseReceipt } from "../../../storage/log/receipt.ts";
import type { Badge } from "./verdict.ts";

export interface Step {
  readonly name: "line" | "leaf" | "receipt" | "path" | "signature";
  readonly state: "holds" | "fails" | "open" | "skipped";
  readonly words: string;
}

/** A step up the tree, as hex. */
export interface PathNode {
  readonly sibling: string;
  readonly side: "left" | "right";
  readonly node: string;
}

export interface EntryVerdict {
  readonly badge: Badge;
  readonly words: string;
  readonly steps: readonly Step[];
  readonly log: string;
  readonly seq: number;
  readonly leaf: string;
  readonly path: readonly PathNode[];
  readonly root: string;
  readonly size: number;
  readonly origin: string;
  /** By which kind of key the root is signed: under lock, or promised; null where by none that is trusted. */
  readonly by: "log" | "receipt" | null;
}

export interface EntryQuestion {
  /** The exact line, without a newline. */
  readonly line: string;
  readonly receipt: string;
  /** Verifier keys of log keys that are trusted. */
  readonly vkeys: readonly string[];
  /** As the server says it; the receipt key is new at each start, so it is never remembered. */
  readonly receiptVkey: string | null;
  /** The place and leaf that the server said; null where nobody said any. */
  readonly said: { readonly seq: number; readonly log: string; readonly leaf: string } | null;
}

export async function checkEntry(question: EntryQuestion): Promise<EntryVerdict> {
  const check = new EntryCheck(question);
  return check.run();
}

class EntryCheck {
  readonly #question: EntryQuestion;
  readonly #steps: Step[] = [];
  readonly #path: PathNode[] = [];
  #leaf = "";
  #seq = 0;
  #log = "";
  #root = "";
  #size = 0;
  #origin = "";
  #by: "log" | "receipt" | null = null;

  constructor(question: EntryQuestion) {
    this.#question = question;
  }

  async run(): Promise<EntryVerdict> {
    try {
      await this.#run();
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      this.#step(STEP_OF[error.code] ?? "receipt", "fails", error.detail);
    }
    const steps = this.#steps;
    const isWrong = steps.some(({ state }) => state === "fails");
    const isDone = this.#by === "log" && steps.every(({ state }) => state === "holds");
    return {
      badge: isWrong ? "Does not match" : isDone ? "Verified here" : "Not checked",
      words:
        steps.find(({ state }) => state !== "holds")?.words ??
        `entry ${this.#seq} is in the signed tree of ${this.#size}`,
      ...{ steps, log: this.#log, seq: this.#seq, leaf: this.#leaf, path: this.#path },
      ...{ root: this.#root, size: this.#size, origin: this.#origin, by: this.#by },
    };
  }

  async #run(): Promise<void> {
    const { line, receipt: text, said } = this.#question;
    const entry = decodeLine(line);
    this.#seq = entry.seq;
    this.#log = entry.log;
    this.#step("line", "holds", `canonical, entry ${entry.seq} of ${entry.log}`);
    const leaf = leafHash(encodeUtf8(line));
    this.#leaf = toHex(leaf);
    if (said !== null && !isSaid(entry, this.#leaf, said)) {
      this.#step(
        "leaf",
        "fails",
        `the server said entry ${said.seq} of ${said.log} with leaf ${said.leaf}`,
      );
    } else this.#step("leaf", "holds", `${line.length} characters hashed here`);
    const receipt = parseReceipt(text);
    const note = parseNote(receipt.checkpoint);
    const { origin, size, root } = parseCheckpoint(note.text);
    this.#origin = origin;
    this.#size = size;
    this.#root = toHex(root);
    if (receipt.seq !== entry.seq || logOfOrigin(origin) !== entry.log) {
      return this.#step("receipt", "fails", `it is for entry ${receipt.seq} of ${origin}`);
    }
    this.#step("receipt", "holds", `for entry ${receipt.seq} in the tree of ${size}`);
    const isIn = checkInclusion(
      entry.seq,
      size,
      leaf,
      receipt.proof,
      root,
      undefined,
      (sibling, side, node) => {
        this.#path.push({ sibling: toHex(sibling), side, node: toHex(node) });
      },
    );
    const steps = `${receipt.proof.length} steps from the leaf`;
    if (isIn) this.#step("path", "holds", `${steps} to the root`);
    else this.#step("path", "fails", `${steps} do not lead to the root ${toBase64(root)}`);
    await this.#signature(receipt.checkpoint, origin);
  }

  async #signature(note: string, origin: string): Promise<void> {
    const { vkeys, receiptVkey } = this.#question;
    const keys = [...vkeys, ...(receiptVkey === null ? [] : [receiptVkey])].map(parseVkey);
    if (keys.length === 0)
      return this.#step("signature", "skipped", "no verifier key is known for it");
    const { signers } = await openCheckpoint(note, keys);
    if (signers.some(({ name }) => name === origin)) {
      this.#by = "log";
      return this.#step("signature", "holds", `by the log key ${namesOf(signers)}`);
    }
    this.#by = "receipt";
    this.#step("signature", "open", "promised by the receipt key, not sealed yet: under no lock");
  }

  #step(name: Step["name"], state: Step["state"], words: string): void {
    this.#steps.push({ name, state, words });
  }
}

function isSaid(
  entry: Entry,
  leaf: string,
  said: { seq: number; log: string; leaf: string },
): boolean {
  return entry.seq === said.seq && entry.log === said.log && leaf === said.leaf;
}

function namesOf(keys: readonly VerifierKey[]): string {
  return keys
    .map(({ name, publicKey }) => formatVkey(name, publicKey).split("+", 2).join("+"))
    .join(", ");
}

/** The keys that may have signed a log: one key pair signs for all logs of an instance. What is no key is passed over. */
export function vkeysFor(origin: string, vkeys: readonly string[]): string[] {
  const instance = origin.slice(0, origin.lastIndexOf("/") + 1);
  return vkeys.flatMap((vkey) => {
    try {
      const { name, publicKey } = parseVkey(vkey);
      const isOwn = name.startsWith(instance) && !name.slice(instance.length).includes("/");
      return isOwn ? [formatVkey(origin, publicKey)] : [];
    } catch {
      return [];
    }
  });
}

const STEP_OF: Partial<Record<LogError["code"], Step["name"]>> = {
  invalid_entry: "line",
  entry_too_large: "line",
  signature_invalid: "signature",
  invalid_vkey: "signature",
};
