/**
 * One request's way through the limits: counted from its beginning to its end, for its address and, once they are known, for
 * whoever asks. Health is free of it: whoever watches whether we live gets his answer whatever else is going on.
 */
import { tokenSha256Hex } from "../storage/token.ts";
import { bearerOf } from "./admit.ts";
import type { Services } from "./ask.ts";
import { assertOneLength } from "./body.ts";
import type { Principal } from "./ledger-api.ts";
import type { Pass } from "./limits.ts";

/** It costs as much as a refusal. */
export const FREE_PATH = "/healthz";

export class Turn {
  readonly #services: Services;
  readonly #request: Request;
  #pass: Pass | null = null;

  constructor(request: Request, services: Services) {
    this.#services = services;
    this.#request = request;
  }

  /** Throws `overloaded` or `rate_limited` where too much is under way; then nothing of the request is to be waited for. */
  begin(address: string | null): void {
    const { limits, nowMs } = this.#services;
    this.#pass = limits.enter(address, nowMs());
    assertOneLength(this.#request);
  }

  /** False where it was refused at the door: nobody waits for what such a one is still sending. */
  get isIn(): boolean {
    return this.#pass !== null;
  }

  /** Calls what says who asks. Throws what it throws, and `rate_limited`. */
  admit<T extends { readonly principal: Principal | null }>(
    admitNow: () => Promise<T>,
  ): Promise<T> {
    const { limits, sha256 } = this.#services;
    if (this.#pass === null) return admitNow();
    const tokenSha256 = (): string | null => {
      const token = bearerOf(this.#request);
      return token === null ? null : tokenSha256Hex(token, sha256);
    };
    return limits.admit(this.#pass, tokenSha256, admitNow);
  }

  end(): void {
    if (this.#pass !== null) this.#services.limits.leave(this.#pass);
  }
}
