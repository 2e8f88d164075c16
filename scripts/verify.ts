/**
 * `npm run verify`. The work is in `verify/main.ts`; here is only what has to come before anything else is loaded: the
 * rooms for young objects stay as small as they begin, in every thread. They would grow to 48 MB each and
 * never shrink, and what a verification leaves behind is old by then or none.
 */
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--semi-space-growth-factor=1");
await import("./verify/main.ts");
