/** What the page and the verifier's own thread say to each other. `id` ties answers to questions. */
import type { EntryQuestion, EntryVerdict } from "./entry-check.ts";
import type { DroppedFile, FileVerdict } from "./file-check.ts";
import type { Leaves, RowQuestion } from "./rows.ts";
import type { SearchQuestion, SearchVerdict } from "./search-check.ts";
import type { Scope } from "./log-check.ts";
import type { Checks, Progress, Verdict } from "./verdict.ts";

/** The checkpoint of the last visit, as it was signed, and when that was. */
export interface RememberedNote {
  readonly note: string;
  readonly at: string;
}

export type Question =
  | {
      readonly kind: "log";
      readonly id: number;
      /** Of the instance's API: the page's own. */
      readonly base: string;
      readonly log: string;
      readonly scope: Scope;
      readonly vkeys: readonly string[];
      readonly remembered: RememberedNote | null;
      /** The seq of the entry in which one character is to be changed first. */
      readonly flip: number | null;
    }
  | { readonly kind: "entry"; readonly id: number; readonly question: EntryQuestion }
  | {
      readonly kind: "files";
      readonly id: number;
      readonly files: readonly DroppedFile[];
      readonly vkeys: readonly string[];
      readonly flip: boolean;
    }
  | {
      readonly kind: "search";
      readonly id: number;
      readonly base: string;
      readonly question: SearchQuestion;
    }
  | { readonly kind: "rows"; readonly id: number; readonly rows: readonly RowQuestion[] }
  | { readonly kind: "pause"; readonly on: boolean };

export type Reply =
  | { readonly kind: "checks"; readonly id: number; readonly checks: Checks }
  | { readonly kind: "progress"; readonly id: number; readonly progress: Progress }
  | {
      readonly kind: "log";
      readonly id: number;
      readonly verdict: Verdict;
      /** Of the batches that hold in themselves, as far as they are kept. */
      readonly leaves: readonly Leaves[];
    }
  | { readonly kind: "rows"; readonly id: number; readonly same: readonly boolean[] }
  | { readonly kind: "entry"; readonly id: number; readonly verdict: EntryVerdict }
  | { readonly kind: "files"; readonly id: number; readonly verdicts: readonly FileVerdict[] }
  | { readonly kind: "search"; readonly id: number; readonly verdict: SearchVerdict }
  /** Nothing is known: the server did not answer, or said no. */
  | {
      readonly kind: "failed";
      readonly id: number;
      readonly code: string;
      readonly detail: string;
    };
