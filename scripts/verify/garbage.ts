/**
 * Gives back what was read in time. V8 lets some 64 MB of buffers die in each thread before it looks for them; a
 * verification reads gigabytes through three threads, and promises to stay small.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** A collection of so small a heap takes some milliseconds, checking so much some hundred. */
const BYTES_BETWEEN = 12 * 1024 * 1024;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

let bytesSince = 0;

/** To be told of buffers that were used and dropped. */
export function dropped(bytes: number): void {
  bytesSince += bytes;
  if (bytesSince < BYTES_BETWEEN) return;
  bytesSince = 0;
  collect();
}
