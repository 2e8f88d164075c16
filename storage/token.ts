/**
 * Access tokens: `ind_<id><…>` as one string that a secret scanner can find and that a typing error
 * cannot survive. Pure; the caller brings randomness.
 *
 * | part | characters | meaning |
 * |---|---|---|
 * | `ind_` | 4 | what it is |
 * | id | 12 of `[0-9a-z]` | names the token in lists and in `by`; no secret |
 * | `_` | 1 | |
 * | secret | 43 base62 | 256 random bits (62^43 > 2^256) |
 * | checksum | 6 base62 | CRC-32 of all before it (62^6 > 2^32) |
 */
import { encodeUtf8, toHex } from "./log/bytes.ts";
import { sha256 as nobleSha256, type Sha256 } from "./log/hash.ts";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_LENGTH = 12;
const SECRET_LENGTH = 43;
const CHECKSUM_LENGTH = 6;
const TOKEN = /^ind_([0-9a-z]{12})_[0-9A-Za-z]{49}$/;

/** 36^12 < 2^63. */
export const ID_RANDOM_BYTES = 8;
/** Those of the id, and 32 for the secret. */
export const TOKEN_RANDOM_BYTES = ID_RANDOM_BYTES + 32;

/** An id of 12 characters; it is no secret. */
export function makeId(randomBytes: Uint8Array): string {
  return encodeNumber(readNumber(randomBytes), 36n, ID_LENGTH);
}

/** A new token from `TOKEN_RANDOM_BYTES` bytes of a cryptographic random source. */
export function makeToken(randomBytes: Uint8Array): { id: string; token: string } {
  if (randomBytes.length !== TOKEN_RANDOM_BYTES) {
    throw new RangeError(`a token is made from ${TOKEN_RANDOM_BYTES} random bytes`);
  }
  const id = makeId(randomBytes.subarray(0, ID_RANDOM_BYTES));
  const secret = encodeNumber(
    readNumber(randomBytes.subarray(ID_RANDOM_BYTES)),
    62n,
    SECRET_LENGTH,
  );
  const body = `ind_${id}_${secret}`;
  return { id, token: body + checksum(body) };
}

/** The inverse, as far as it goes: the id of a well-formed token, or `null`. Says nothing of its validity. */
export function parseToken(text: string): { id: string } | null {
  const match = TOKEN.exec(text);
  if (!match) return null;
  const body = text.slice(0, -CHECKSUM_LENGTH);
  return text.slice(-CHECKSUM_LENGTH) === checksum(body) ? { id: match[1]! } : null;
}

/** What is stored instead of the token: SHA-256 of the whole, lower-case hex. */
export function tokenSha256Hex(token: string, sha256: Sha256 = nobleSha256): string {
  return toHex(sha256(encodeUtf8(token)));
}

function checksum(body: string): string {
  return encodeNumber(BigInt(crc32(encodeUtf8(body))), 62n, CHECKSUM_LENGTH);
}

/** The big-endian number that the bytes are. */
function readNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes)}`);
}

/** `value` modulo base^length in digits of `[0-9a-z]` (base 36) or base62, most significant first. */
function encodeNumber(value: bigint, base: 36n | 62n, length: number): string {
  let digits = "";
  for (let rest = value; digits.length < length; rest /= base) {
    const digit = Number(rest % base);
    digits = (base === 36n ? digit.toString(36) : BASE62[digit]!) + digits;
  }
  return digits;
}

/** CRC-32 as in RFC 1952 §8: reflected polynomial 0xEDB88320. A token is short: no table. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
