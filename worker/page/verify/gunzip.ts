/** Inflates what came from outside, with a bound, by the browser's own DecompressionStream: it is there over plain HTTP, too. */
import { concatBytes } from "../../../storage/log/bytes.ts";
import { checkGzipHeader } from "../../../storage/log/batch.ts";
import { LogError } from "../../../storage/log/errors.ts";

/** One gzip member and nothing behind it. Throws `invalid_batch`, also where more than `bytesMax` come out. */
export async function gunzip(bytes: Uint8Array, bytesMax: number): Promise<Uint8Array> {
  checkGzipHeader(bytes);
  const stream = new DecompressionStream("gzip");
  const writer = stream.writable.getWriter();
  // A fault is told by the reader.
  writer.write(bytes as Uint8Array<ArrayBuffer>).catch(() => {});
  writer.close().catch(() => {});
  const reader = stream.readable.getReader();
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > bytesMax) {
        await reader.cancel();
        throw new LogError("invalid_batch", `more than ${bytesMax} bytes come out of it`);
      }
      parts.push(value);
    }
  } catch (cause) {
    if (cause instanceof LogError) throw cause;
    throw damaged(cause);
  }
  // RFC 1952 §2.3.1: the member ends in its length. Not every platform sees that bytes follow, or that some are missing.
  const end = new DataView(bytes.buffer, bytes.byteOffset + bytes.length - 4);
  if (end.getUint32(0, true) !== length) throw damaged();
  return concatBytes(...parts);
}

function damaged(cause?: unknown): LogError {
  return new LogError("invalid_batch", "the gzip data is damaged or goes on behind its end", {
    cause,
  });
}
