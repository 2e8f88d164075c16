/** The verifier's side of the talk: one question at a time, answered as it goes. */
import { parseCheckpoint } from "../../../storage/log/checkpoint.ts";
import { parseNote } from "../../../storage/log/note.ts";
import { checkEntry } from "./entry-check.ts";
import { checkFiles } from "./file-check.ts";
import { flipping } from "./flip.ts";
import { HttpSource } from "./http-source.ts";
import { checkSearch } from "./search-check.ts";
import { checkLog } from "./log-check.ts";
import type { Question, RememberedNote, Reply } from "./protocol.ts";
import type { Remembered } from "./remembered.ts";
import { checkRows, type Leaves } from "./rows.ts";
import { SourceError } from "./source.ts";

/** Progress is for eyes: oftener than this nobody sees it. */
const PROGRESS_MS = 100;
/** Entries whose leaves are kept for rows that are looked at later: 32 MB. */
const LEAVES_MAX = 1_000_000;

export class VerifierThread {
  readonly #send: (reply: Reply) => void;
  #paused: Promise<void> | null = null;
  #goOn: () => void = () => {};

  constructor(send: (reply: Reply) => void) {
    this.#send = send;
  }

  async take(question: Question): Promise<void> {
    if (question.kind === "pause") return this.#pause(question.on);
    const { id } = question;
    try {
      this.#send(await this.#answer(question));
    } catch (error) {
      const known = error as { code?: unknown; detail?: unknown };
      const code = String(known.code ?? "internal_error");
      this.#send({ kind: "failed", id, code, detail: String(known.detail ?? error) });
    }
  }

  async #answer(question: Exclude<Question, { kind: "pause" }>): Promise<Reply> {
    const { id } = question;
    switch (question.kind) {
      case "log":
        return this.#checkLog(question);
      case "rows":
        return { kind: "rows", id, same: checkRows(question.rows) };
      case "entry":
        return { kind: "entry", id, verdict: await checkEntry(question.question) };
      case "search": {
        const { base, question: asked } = question;
        const source = new HttpSource(base, asked.log);
        return { kind: "search", id, verdict: await checkSearch(source, asked) };
      }
      case "files": {
        const { files, vkeys, flip } = question;
        return { kind: "files", id, verdicts: await checkFiles(files, vkeys, flip) };
      }
    }
  }

  async #checkLog(question: Extract<Question, { kind: "log" }>): Promise<Reply> {
    const { id, base, log, scope, vkeys, remembered, flip } = question;
    const leaves: Leaves[] = [];
    let kept = 0;
    const http = new HttpSource(base, log);
    let sentMs = 0;
    const verdict = await checkLog(flip === null ? http : flipping(http, flip), {
      ...{ scope, vkeys, remembered: remembered === null ? null : parsed(remembered) },
      onChecks: (checks) => this.#send({ kind: "checks", id, checks }),
      onProgress: (progress) => {
        if (Date.now() - sentMs < PROGRESS_MS) return;
        sentMs = Date.now();
        this.#send({ kind: "progress", id, progress });
      },
      onBatch: ({ header: { first, count }, leaves: own }) => {
        kept += count;
        if (kept <= LEAVES_MAX) leaves.push({ first, count, leaves: own });
      },
      gate: () => this.#paused ?? Promise.resolve(),
    });
    return { kind: "log", id, verdict, leaves };
  }

  #pause(on: boolean): void {
    this.#goOn();
    this.#paused = on ? new Promise((resolve) => (this.#goOn = resolve)) : null;
  }
}

/** The browser kept it after it was verified. Throws where somebody changed it there. */
function parsed({ note, at }: RememberedNote): Remembered {
  try {
    return { ...parseCheckpoint(parseNote(note).text), at };
  } catch {
    throw new SourceError(
      "remembered_unreadable",
      "what this browser remembers of the log is no checkpoint",
    );
  }
}
