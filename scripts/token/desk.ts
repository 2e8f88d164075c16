/** What `npm run token` asks for, whoever answers: the running worker, or the data folder itself. */
import type { TokenState } from "../../storage/token-rules.ts";

/** Fields are those of the API. */
export interface NewToken {
  readonly id: string;
  readonly sha256: string;
  readonly roles: readonly string[];
  readonly logs: readonly string[];
  readonly expires_at: string | null;
  readonly networks: readonly string[];
  readonly description: string;
}

export interface TokenRow extends Omit<NewToken, "sha256"> {
  readonly state: TokenState;
  readonly ends_at: string | null;
  readonly last_used_at: string | null;
  readonly created_by: string;
}

export interface Rotation {
  /** Of the token that is replaced. */
  readonly id: string;
  readonly to: Pick<NewToken, "id" | "sha256" | "expires_at">;
  readonly overlapSeconds: number;
}

/** `sealed`: the entry lies under lock. Each throws `DeskRefused` where it may not be or cannot be now. */
export interface Desk {
  list(): Promise<readonly TokenRow[]>;
  create(token: NewToken): Promise<{ readonly sealed: boolean }>;
  rotate(rotation: Rotation): Promise<{ readonly sealed: boolean }>;
  revoke(id: string): Promise<{ readonly sealed: boolean }>;
}

export class DeskRefused extends Error {}
