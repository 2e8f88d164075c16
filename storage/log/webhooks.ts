/**
 * Where alerts go, folded from `_system` (FORMAT §8). What may be secret does not stand there: of an address only its beginning
 * and a hash of all of it, of secrets only that they were made anew.
 */
import type { Fields, SystemEntry } from "./system-fields.ts";

export interface WebhookRecord {
  readonly id: string;
  readonly format: string;
  readonly severity: string;
  readonly description: string;
  /** Scheme, host and port. */
  readonly address: string;
  /** Hex, of all that says where it goes. */
  readonly targetSha256: string;
  readonly enabled: boolean;
  readonly createdAt: string;
  readonly createdBy: string;
}

export class Webhooks {
  /** By id, oldest first; without those that were deleted. */
  readonly records = new Map<string, WebhookRecord>();

  created(entry: SystemEntry, fields: Fields): void {
    const id = fields.text("id");
    if (this.records.has(id)) throw fields.wrong("id", "a webhook that does not exist yet");
    this.records.set(id, {
      id,
      format: fields.text("format"),
      severity: fields.text("severity"),
      description: fields.text("description"),
      address: fields.text("address"),
      targetSha256: fields.hash("target_sha256"),
      enabled: true,
      createdAt: entry.time,
      createdBy: entry.by,
    });
  }

  changed(fields: Fields): void {
    const known = this.#known(fields);
    const text = (name: string, before: string) => (fields.has(name) ? fields.text(name) : before);
    const { id, severity, description, address, targetSha256, enabled } = known;
    this.records.set(id, {
      ...known,
      severity: text("severity", severity),
      description: text("description", description),
      address: text("address", address),
      targetSha256: fields.has("target_sha256") ? fields.hash("target_sha256") : targetSha256,
      enabled: fields.has("enabled") ? fields.flag("enabled") : enabled,
    });
  }

  /** A new secret changes nothing of what stands here. */
  rotated(fields: Fields): void {
    this.#known(fields);
    fields.time("ends_at");
  }

  deleted(fields: Fields): void {
    this.records.delete(this.#known(fields).id);
  }

  #known(fields: Fields): WebhookRecord {
    const known = this.records.get(fields.text("id"));
    if (known === undefined) throw fields.wrong("id", "a webhook that exists");
    return known;
  }
}
