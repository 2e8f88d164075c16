/**
 * Which object makes a store refuse the listing that it would be in (MinIO: metadata that were forged at the PUT, or swapped on
 * the disk). The listing does not say it, so it is asked for with longer and longer prefixes; those that are refused lead to it.
 */
import { VaultError, type Vault } from "../ports.ts";

/** What may come next in a key, likely things first: a batch is found in some 100 listings, any other object in 1,000. */
const ENDING = ".jsonl.gz";
const CHARACTERS =
  "0123456789.jsonlgz-_abcdefhikmpqrtuvwxyABCDEFGHIJKLMNOPQRSTUVWXYZ/ !\"#$%&'()*+,:;<=>?@[\\]^`{|}~";
const NEXT = [...CHARACTERS.slice(0, 10), ENDING, ...CHARACTERS.slice(10)];
/** However long the key is. */
const LISTINGS_MAX = 2_000;

/**
 * The first such key below the prefix, or as much of it as could be found: behind a character that is none of ASCII's the search
 * ends. Null where every listing is answered. Throws VaultError where the store does not answer.
 */
export async function findSpoiled(
  vault: Pick<Vault, "versions">,
  prefix: string,
): Promise<string | null> {
  let known = prefix;
  let listings = 0;
  for (let deeper = true; deeper && !known.endsWith(ENDING);) {
    deeper = false;
    for (const next of NEXT) {
      if ((listings += 1) > LISTINGS_MAX) break;
      if (!(await isSpoiled(vault, known + next))) continue;
      known += next;
      deeper = true;
      break;
    }
  }
  return known === prefix ? null : known;
}

/** Where an object hides the listing, it is known which (`key`), and nothing below it can be told. */
async function isSpoiled(vault: Pick<Vault, "versions">, prefix: string): Promise<boolean> {
  try {
    for await (const _ of vault.versions(prefix)) continue;
    return false;
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    // A name that the store takes for none (MinIO: `demo/.`): no object has it.
    if (error.code === "vault_refused") return false;
    if (error.code !== "batch_unreadable") throw error;
    return error.key === null;
  }
}
