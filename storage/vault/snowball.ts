/**
 * The archive of self-test checks 15 and 16: MinIO unpacks a tar that is PUT with a certain header, and
 * takes each file's version id from its extended header (POSIX.1-2001 pax, record `minio.versionId`):
 * the way in which an unhardened key replaces a locked version.
 */

const BLOCK_BYTES = 512;

/** A tar with one file `name` that asks to become version `versionId`. */
export function encodeSnowball(name: string, versionId: string, body: Uint8Array): Uint8Array {
  const record = paxRecord("minio.versionId", versionId);
  return concat([
    header("PaxHeaders/x", record.length, "x"),
    padded(record),
    header(name, body.length, "0"),
    padded(body),
    new Uint8Array(2 * BLOCK_BYTES),
  ]);
}

/** `aws-chunked` with an unsigned trailer: one chunk, the end, and the checksum (`sha256`, base64). */
export function encodeUnsignedChunks(body: Uint8Array, sha256: string): Uint8Array {
  const text = (s: string) => new TextEncoder().encode(s);
  const end = text(`\r\n0\r\nx-amz-checksum-sha256:${sha256}\r\n\r\n`);
  return concat([text(`${body.length.toString(16)}\r\n`), body, end]);
}

/** "<length> <name>=<value>\n", where the length counts its own digits. */
function paxRecord(name: string, value: string): Uint8Array {
  const rest = ` ${name}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length += 1;
  return new TextEncoder().encode(`${length}${rest}`);
}

function header(name: string, bytes: number, type: "x" | "0"): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  const put = (offset: number, text: string) => block.set(new TextEncoder().encode(text), offset);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  if (name.length > 100) throw new RangeError("a tar name has at most 100 bytes");
  put(0, name);
  put(100, "0000644\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, `${octal(bytes, 11)}\0`);
  put(136, `${octal(0, 11)}\0`);
  put(148, " ".repeat(8));
  put(156, type);
  put(257, "ustar\x0000");
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, `${octal(sum, 6)}\0 `);
  return block;
}

function padded(bytes: Uint8Array): Uint8Array {
  const block = new Uint8Array(Math.ceil(bytes.length / BLOCK_BYTES) * BLOCK_BYTES);
  block.set(bytes);
  return block;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
