/**
 * Log keys that follow one another (PROTOCOL §4, FORMAT §5): where a log key was lost, batches from some seq on are signed by a
 * new one. Whoever finds or steals the old key must not be able to sign what comes after, so a key that another one has
 * followed in a log does not count in it any more.
 */
import { toHex } from "../log/bytes.ts";
import type { VerifierKey } from "../log/vkey.ts";

/** Public keys, hex: the one that signs now, and those that it has followed. */
export type KeyOrderState = { readonly current: string | null; readonly replaced: string[] };

/** Of one log, batch by batch in its order. */
export class KeyOrder {
  #current: string | null;
  readonly #replaced: Set<string>;

  /** From the beginning of a log, or from where another one stood. */
  constructor({ current, replaced }: KeyOrderState = { current: null, replaced: [] }) {
    this.#current = current;
    this.#replaced = new Set(replaced);
  }

  get state(): KeyOrderState {
    return { current: this.#current, replaced: [...this.#replaced] };
  }

  /** Whether one of those who signed may still sign. */
  allows(signers: readonly VerifierKey[]): boolean {
    return signers.some((key) => !this.#replaced.has(toHex(key.publicKey)));
  }

  /** A batch that counts, signed by keys of which one is allowed. */
  take(signers: readonly VerifierKey[]): void {
    const keys = signers.map(({ publicKey }) => toHex(publicKey));
    if (this.#current !== null && keys.includes(this.#current)) return;
    if (this.#current !== null) this.#replaced.add(this.#current);
    this.#current = keys.find((key) => !this.#replaced.has(key)) ?? null;
  }
}
