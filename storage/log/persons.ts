/**
 * Whose hands a token is in, as far as `_system` can tell: whoever made or rotated a token was shown it. Since two people are
 * required, tokens are their maker's, and those that he makes with them too; before that, and where the machine's operator made
 * them (`by` is `system`), each is another person's, whom whoever required two people has looked at.
 */
interface MadeToken {
  readonly id: string;
  readonly replaces: string | null;
}

const TOKEN = "token:";

export class Persons {
  /** By token id. */
  readonly #owners = new Map<string, string>();

  /** `maker` is null for the instance itself; `twoPerson`: two people were required when it was made. */
  made({ id, replaces }: MadeToken, maker: string | null, twoPerson: boolean): void {
    if (maker !== null && twoPerson) this.#owners.set(id, this.of(maker));
    else if (replaces !== null) this.#owners.set(id, this.of(TOKEN + replaces));
  }

  /** The person behind a `by`: what is equal is one and the same. */
  of(by: string): string {
    const owner = by.startsWith(TOKEN) ? this.#owners.get(by.slice(TOKEN.length)) : undefined;
    return owner ?? by;
  }
}
