/** What the pieces of an auditor share. */
import type { Promises } from "../promises.ts";
import type { FindingBook } from "./finding-book.ts";
import type { KnownLogs } from "./known-logs.ts";
import type { AuditorParts, AuditorSettings } from "./types.ts";

export interface AuditContext {
  readonly parts: AuditorParts;
  readonly settings: Required<AuditorSettings>;
  readonly book: FindingBook;
  readonly known: KnownLogs;
  /** What `_system` said when it was last read to its end; null before that. */
  readonly system: { promises: Promises | null };
}
