/**
 * Changes that a second administrator has to approve (FORMAT §8), folded from `_system`: asked for, granted, refused. A change
 * that says it was approved counts only behind the grant, whoever wrote in between.
 */
import type { JsonObject } from "./json.ts";
import type { Fields, SystemEntry } from "./system-fields.ts";

export interface ApprovalRecord {
  readonly id: string;
  /** What is to be done: the word of its entry, or of the first of them. */
  readonly action: string;
  /** The fields with which it will be written. */
  readonly change: JsonObject;
  readonly because: string;
  /** The `by` of who asked. */
  readonly requestedBy: string;
  readonly requestedAt: string;
  readonly expiresAt: string;
  /** Null while nobody has decided. */
  readonly decision: ApprovalDecision | null;
}

export interface ApprovalDecision {
  readonly granted: boolean;
  readonly by: string;
  readonly at: string;
  readonly reason: string;
}

export class Approvals {
  /** By id, oldest first. */
  readonly records = new Map<string, ApprovalRecord>();

  requested(entry: SystemEntry, fields: Fields): void {
    const id = fields.text("id");
    if (this.records.has(id)) throw fields.wrong("id", "an approval that does not exist yet");
    this.records.set(id, {
      id,
      action: fields.text("action"),
      change: fields.object("change"),
      because: fields.text("because"),
      requestedBy: entry.by,
      requestedAt: entry.time,
      expiresAt: fields.time("expires_at"),
      decision: null,
    });
  }

  /** Of two decisions the first counts. */
  decided(entry: SystemEntry, fields: Fields, granted: boolean): void {
    const record = this.records.get(fields.text("id"));
    if (record?.decision !== null) throw fields.wrong("id", "an approval that waits");
    const decision = { granted, by: entry.by, at: entry.time, reason: fields.text("reason") };
    this.records.set(record.id, { ...record, decision });
  }

  /** Who asked for what an entry says, if that had to be approved. */
  requester(fields: Fields): string | null {
    if (!fields.has("approval")) return null;
    return this.records.get(fields.text("approval"))?.requestedBy ?? null;
  }

  /** For every entry that names an approval as what allows it. */
  assertGranted(fields: Fields): void {
    if (!fields.has("approval")) return;
    const record = this.records.get(fields.text("approval"));
    if (record?.decision?.granted !== true) throw fields.wrong("approval", "one that was granted");
  }
}
