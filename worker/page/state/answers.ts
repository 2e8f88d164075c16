/** What the API answers, as far as these views read it. Strings in it were written by others: they are shown as `Foreign`. */
import type { Json } from "../entries/diff.ts";

export interface Party {
  readonly id: string;
  readonly type?: string;
  readonly name?: string;
}

export interface EventJson {
  readonly action: string;
  readonly actor: Party;
  readonly targets?: readonly Party[];
  readonly outcome?: string;
  readonly occurred_at?: string;
  readonly id?: string;
  readonly context?: Readonly<Record<string, string>>;
  readonly details?: { readonly [name: string]: Json };
}

export interface EntryItem {
  readonly seq: number;
  readonly hash: string;
  readonly sealed: boolean;
  readonly entry: {
    readonly by: string;
    readonly event: EventJson;
    readonly log: string;
    readonly prev: string;
    readonly salt: string;
    readonly seq: number;
    readonly time: string;
  };
}

export interface EntriesPage {
  readonly entries: readonly EntryItem[];
  readonly next_cursor: string | null;
  /** Up to which seq the search has looked; not there where nothing was searched for. */
  readonly searched_to?: number | null;
}

export interface SealItem {
  readonly first: number;
  readonly count: number;
  readonly key: string;
  readonly version_id: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly sealed_at: string;
  readonly retain_until: string;
  readonly checkpoint: string;
}

export interface SealsPage {
  readonly seals: readonly SealItem[];
  readonly next_cursor: string | null;
}

export interface LogItem {
  readonly name: string;
  readonly description: string;
  readonly size: number;
  readonly sealed_size: number;
  readonly retention_days: number;
  readonly origin: string;
  readonly vkey: string;
  readonly receipt_vkey: string;
  readonly last_seal: SealItem | null;
  readonly trouble: { readonly code: string; readonly detail: string } | null;
}
