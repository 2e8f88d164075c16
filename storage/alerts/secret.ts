/** Secrets that webhooks are signed with, as Standard Webhooks writes them: `whsec_` and base64 of 24 to 64 bytes. */
import { fromBase64, toBase64 } from "../log/bytes.ts";

const PREFIX = "whsec_";
/** The specification's range. */
const BYTES_MIN = 24;
const BYTES_MAX = 64;

export const SIGNING_SECRET_RULE = `${PREFIX} and base64 of ${BYTES_MIN} to ${BYTES_MAX} bytes`;

export function formatSigningSecret(bytes: Uint8Array): string {
  return PREFIX + toBase64(bytes);
}

export function isSigningSecret(text: string): boolean {
  if (!text.startsWith(PREFIX)) return false;
  try {
    const { length } = fromBase64(text.slice(PREFIX.length));
    return length >= BYTES_MIN && length <= BYTES_MAX;
  } catch {
    return false;
  }
}
