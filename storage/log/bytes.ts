/**
 * Bytes and their spellings: hex, base64, base64url, UTF-8. Every reader is strict: a text is accepted only if writing its
 * bytes again gives that very text. Nothing here needs Node; TextEncoder and TextDecoder are the only globals used, they exist
 * in Node, workerd and browsers alike, and are declared below because this room's tsconfig knows of no platform.
 */
import { LogError } from "./errors.ts";

declare const TextEncoder: { new (): { encode(text: string): Uint8Array } };
declare const TextDecoder: {
  new (
    label: string,
    options: { fatal: boolean; ignoreBOM: boolean },
  ): { decode(bytes: Uint8Array): string };
};

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, "0"),
);
const LETTERS_AND_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64 = LETTERS_AND_DIGITS + "+/";
const BASE64URL = LETTERS_AND_DIGITS + "-_";
/** What a table says of a character that does not belong to its alphabet. */
const NONE = 255;

/** Lower-case hex, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += HEX[bytes[i]!]!;
  return text;
}

/** The bytes of lower-case hex; throws `invalid_text`. */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0) throw new LogError("invalid_text", "hex has two digits a byte");
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = hexDigit(text.charCodeAt(2 * i));
    const low = hexDigit(text.charCodeAt(2 * i + 1));
    if (high < 0 || low < 0) throw new LogError("invalid_text", "hex has the digits 0-9 and a-f");
    bytes[i] = high * 16 + low;
  }
  return bytes;
}

/** The value of one lower-case hex digit's character code, or -1. */
export function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;
}

/** True for exactly 64 lower-case hex digits: a SHA-256 hash as text. */
export function isHashHex(text: string): boolean {
  if (text.length !== 64) return false;
  for (let i = 0; i < 64; i++) if (hexDigit(text.charCodeAt(i)) < 0) return false;
  return true;
}

/** Base64 with padding (RFC 4648 §4). */
export function toBase64(bytes: Uint8Array): string {
  const text = write(bytes, BASE64);
  return text.padEnd(Math.ceil(text.length / 4) * 4, "=");
}

/** The bytes of padded base64 that would be written just so; throws `invalid_text`. */
export function fromBase64(text: string): Uint8Array {
  if (text.length % 4 !== 0)
    throw new LogError("invalid_text", "base64 is padded to four characters");
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return read(text, text.length - padding, BASE64_VALUES);
}

/** Base64url without padding (RFC 4648 §5). */
export function toBase64Url(bytes: Uint8Array): string {
  return write(bytes, BASE64URL);
}

/** The bytes of unpadded base64url that would be written just so; throws `invalid_text`. */
export function fromBase64Url(text: string): Uint8Array {
  return read(text, text.length, BASE64URL_VALUES);
}

const BASE64_VALUES = valuesOf(BASE64);
const BASE64URL_VALUES = valuesOf(BASE64URL);

function valuesOf(alphabet: string): Uint8Array {
  const values = new Uint8Array(128).fill(NONE);
  for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i;
  return values;
}

function write(bytes: Uint8Array, alphabet: string): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += alphabet[group >> 18]! + alphabet[(group >> 12) & 63]!;
    if (i + 1 < bytes.length) text += alphabet[(group >> 6) & 63]!;
    if (i + 2 < bytes.length) text += alphabet[group & 63]!;
  }
  return text;
}

function read(text: string, length: number, values: Uint8Array): Uint8Array {
  if (length % 4 === 1) throw new LogError("invalid_text", "base64 ends in the middle of a byte");
  const bytes = new Uint8Array(Math.floor((length * 3) / 4));
  let bits = 0;
  let held = 0;
  let at = 0;
  for (let i = 0; i < length; i++) {
    const value = values[text.charCodeAt(i)] ?? NONE;
    if (value === NONE) throw new LogError("invalid_text", "a character that base64 does not have");
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) bytes[at++] = (held >> (bits -= 8)) & 0xff;
  }
  if ((held & ((1 << bits) - 1)) !== 0) {
    throw new LogError("invalid_text", "base64 with bits set that belong to no byte");
  }
  return bytes;
}

/** The UTF-8 bytes of a well-formed string. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text of strict UTF-8; a byte order mark is kept. Throws `invalid_text` with the first bad byte's offset. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    const detail = `not UTF-8 at byte ${utf8FaultAt(bytes)}`;
    throw new LogError("invalid_text", detail, { cause });
  }
}

/** The offset of the first byte that begins no well-formed sequence (Unicode, table 3-7), or -1. */
export function utf8FaultAt(bytes: Uint8Array): number {
  for (let i = 0; i < bytes.length;) {
    const length = bytes[i]! < 0x80 ? 1 : utf8SequenceLength(bytes, i);
    if (length === 0) return i;
    i += length;
  }
  return -1;
}

/** How many bytes the well-formed sequence of two to four bytes at `at` has; 0 if there is none. */
export function utf8SequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  const second = bytes[at + 1] ?? 0;
  if (first < 0xc2 || first > 0xf4) return 0;
  if (first < 0xe0) return isContinuation(second) ? 2 : 0;
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most || !isContinuation(bytes[at + 2] ?? 0)) return 0;
  if (first < 0xf0) return 3;
  return isContinuation(bytes[at + 3] ?? 0) ? 4 : 0;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** How many bytes a well-formed string takes in UTF-8. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // A surrogate is half of a pair that takes four bytes, so two each.
    if (code >= 0x80) length += code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 1 : 2;
  }
  return length;
}

/** All parts in a row, copied. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Same length and same bytes. Not constant-time: nothing secret is compared with it. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
