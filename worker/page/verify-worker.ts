/** The verifier's own thread: the page stays awake while 100,000 entries are hashed. */
import type { Question } from "./verify/protocol.ts";
import { VerifierThread } from "./verify/thread.ts";

const thread = new VerifierThread((reply) => self.postMessage(reply));
self.addEventListener("message", ({ data }: MessageEvent<Question>) => void thread.take(data));
