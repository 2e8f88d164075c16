/**
 * The Gzip port over node:zlib, which Node and workerd both have. Reading is stricter than zlib's own: exactly one
 * member (RFC 1952), its CRC and length checked here, and not a byte after it.
 */
import { crc32, gzipSync, inflateRawSync } from "node:zlib";
import type { Gzip } from "./ports.ts";

/** Of audit lines level 3 leaves a few per cent more than level 6, in well under half the time. */
const LEVEL = 3;

/** Fixed header without optional fields, and the trailer: CRC-32 and length, four bytes each. */
const HEADER_BYTES = 10;
const TRAILER_BYTES = 8;
/** No smaller pieces, whatever the trailer claims: many small ones would take long to join. */
const CHUNK_BYTES_MIN = 64 * 1024;

export const nodeGzip: Gzip = {
  async gzip(data) {
    return new Uint8Array(gzipSync(data, { level: LEVEL }));
  },
  async gunzip(data, bytesMax) {
    return gunzipStrictly(data, bytesMax);
  },
};

/** Throws an Error that says what is wrong with the member. */
export function gunzipStrictly(data: Uint8Array, bytesMax: number): Uint8Array {
  if (data.length < HEADER_BYTES + TRAILER_BYTES) throw new Error("gzip: too short");
  if (data[0] !== 0x1f || data[1] !== 0x8b || data[2] !== 8) throw new Error("gzip: not a member");
  if (data[3] !== 0) throw new Error("gzip: header flags are not zero");
  if (data.subarray(4, 8).some((byte) => byte !== 0)) throw new Error("gzip: time is not zero");
  const body = data.subarray(HEADER_BYTES, data.length - TRAILER_BYTES);
  const trailer = new DataView(data.buffer, data.byteOffset + data.length - TRAILER_BYTES);
  // What the trailer claims is room for all of it at once (and one byte that stays free); a lie only costs more steps.
  const claimed = Math.min(trailer.getUint32(4, true), bytesMax) + 1;
  const { buffer, engine } = inflateRawSync(body, {
    maxOutputLength: bytesMax,
    info: true,
    chunkSize: Math.max(claimed, CHUNK_BYTES_MIN),
  }) as unknown as { buffer: Uint8Array; engine: { bytesWritten: number } };
  if (engine.bytesWritten !== body.length) throw new Error("gzip: bytes after the member");
  if (trailer.getUint32(0, true) !== crc32(buffer)) throw new Error("gzip: CRC does not match");
  if (trailer.getUint32(4, true) !== buffer.length) throw new Error("gzip: length does not match");
  return buffer;
}
