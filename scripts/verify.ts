/**
 * `npm run verify -- [DIR | --s3] [--vkey FILE]… [--checkpoint FILE]… [--log NAME] [--json]`: whether what lies in the vault,
 * and what the index says, is what was signed: of the data folder unless a downloaded DIR or --s3 is given.
 *
 *   verify                              the vault and the index of the instance here
 *   verify DIR --vkey FILE              batches that were downloaded, with nothing else
 *   verify export FILE… [DIR | --s3 | URL]
 *                                       what was taken home; with the vault also whether a filter left something out
 *   verify search URL | FILE… [DIR | --s3 | URL]
 *                                       whether a search has every hit that the sealed batches hold
 *
 * --checkpoint: one kept from earlier, which the log must still continue. An instance is read with the token in
 * INDELIBLE_TOKEN. Progress goes to standard error. Exit code 0: it holds; 1: there are findings; 2: it could not be looked at.
 */
import { setFlagsFromString } from "node:v8";

// Before anything else is loaded, in every thread: the rooms for young objects stay as small as they begin. They would
// grow to 48 MB each and never shrink, and what a verification leaves behind is old by then or none.
setFlagsFromString("--semi-space-growth-factor=1");
await import("./verify/main.ts");
