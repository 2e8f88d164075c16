/** The golden vectors as the suite takes them: parsed JSON, and the demo log's objects by name. */

export interface VectorMaterial {
  readonly canonical: {
    readonly accepted: readonly { readonly text: string; readonly canonical: string }[];
    readonly refused: readonly { readonly text: string; readonly why: string }[];
    readonly refused_bytes_hex: readonly { readonly hex: string; readonly why: string }[];
  };
  readonly entries: {
    readonly log: string;
    readonly origin: string;
    readonly entries: readonly {
      readonly seq: number;
      readonly line: string;
      readonly leaf: string;
    }[];
  };
  readonly merkle: {
    readonly leaves: readonly string[];
    readonly roots: Readonly<Record<string, string>>;
    readonly frontiers: Readonly<Record<string, readonly string[]>>;
    readonly inclusion: readonly {
      readonly seq: number;
      readonly size: number;
      readonly proof: readonly string[];
    }[];
    readonly consistency: readonly {
      readonly from: number;
      readonly to: number;
      readonly proof: readonly string[];
    }[];
  };
  readonly checkpoint: {
    readonly seed_hex: string;
    readonly public_hex: string;
    readonly vkey: string;
    readonly good: readonly { readonly size: number; readonly note: string }[];
    readonly refused: readonly { readonly note: string; readonly why: string }[];
  };
  readonly acknowledgement: {
    readonly seed_hex: string;
    readonly receipt_vkey: string;
    readonly log_vkey: string;
    readonly good: readonly { readonly size: number; readonly note: string }[];
  };
  readonly receipt: {
    readonly vkey: string;
    readonly receipt_vkey: string;
    readonly good: readonly ReceiptRow[];
    readonly good_unsealed: readonly ReceiptRow[];
    readonly refused: readonly (ReceiptRow & { readonly why: string })[];
  };
  readonly tiles: {
    readonly sha256: Readonly<Record<string, string>>;
    readonly paths: Readonly<Record<string, string>>;
  };
  /** The text of `demo.vkey`. */
  readonly demoVkey: string;
  /** Objects of the demo log in order: name and gzip bytes. */
  readonly demo: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** The platform's gunzip. */
  readonly inflate: (bytes: Uint8Array) => Promise<Uint8Array>;
}

export interface ReceiptRow {
  readonly line: string;
  readonly proof: string;
}
