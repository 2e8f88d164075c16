/**
 * The threads of a verification. Each job goes to the thread with the least to do; a thread that dies takes the
 * verification with it. Their program is bundled once at the start, so that a thread need not load a compiler.
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import type { CheckedObject, SlotContext } from "../../storage/flow/slot.ts";
import type { SealedRun } from "../../storage/flow/verify-index.ts";
import type { Finding } from "../../storage/log/findings.ts";
import { BATCH_INFLATED_BYTES_MAX } from "../../storage/log/batch.ts";
import type { ThreadAnswer, ThreadData, ThreadJob } from "./thread.ts";

/** More only wait for the listing and the downloads, which are one thread's work. */
const THREADS_MAX = 8;
/** Room for young objects: what survives a batch is small, and a larger room is never given back. */
const YOUNG_MEGABYTES = 3;

/** Of inflated batches at once: two usual ones of 5 MB without waiting, of the largest (33 MB) one. */
const INFLATED_BYTES_MAX = 32 * 1024 * 1024;

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

interface Thread {
  readonly worker: Worker;
  readonly waiting: Map<number, Waiting>;
  /** Why it ended, if it did. */
  dead: Error | null;
}

export class Threads {
  readonly #threads: readonly Thread[];
  #lastId = 0;
  #inflatedBytes = 0;
  /** Those who wait for room, in order. */
  readonly #entering: (() => void)[] = [];

  static async start(data: ThreadData, count = availableParallelism()): Promise<Threads> {
    const source = await bundle();
    const threads = Array.from({ length: Math.min(count, THREADS_MAX) }, () =>
      startThread(source, data),
    );
    return new Threads(threads);
  }

  private constructor(threads: readonly Thread[]) {
    this.#threads = threads;
  }

  /** As `checkObject`, with the lines left behind; the object's bytes are given away. */
  readonly check: NonNullable<SlotContext["check"]> = async (context, version, object) => {
    const { log, keys, origin } = context;
    const inflatedBytes = claimedBytes(object);
    await this.#room(inflatedBytes);
    // A download may be a piece of a larger buffer, and only whole ones can be given away.
    const bytes = object.byteLength === object.buffer.byteLength ? object : object.slice();
    const job = { kind: "check", context: { log, keys, origin }, version, object: bytes } as const;
    try {
      return (await this.#run(job, [bytes.buffer as ArrayBuffer])) as CheckedObject | Finding;
    } finally {
      this.#inflatedBytes -= inflatedBytes;
      for (const enter of this.#entering.splice(0)) enter();
    }
  };

  readonly compare = async (run: SealedRun): Promise<readonly Finding[]> =>
    (await this.#run({ kind: "compare", run }, [])) as Finding[];

  async stop(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
  }

  async #room(bytes: number): Promise<void> {
    while (this.#inflatedBytes > 0 && this.#inflatedBytes + bytes > INFLATED_BYTES_MAX) {
      await new Promise<void>((resolve) => this.#entering.push(resolve));
    }
    this.#inflatedBytes += bytes;
  }

  #run(job: ThreadJob, transfer: ArrayBuffer[]): Promise<unknown> {
    const idle = this.#threads.reduce((a, b) => (b.waiting.size < a.waiting.size ? b : a));
    const id = (this.#lastId += 1);
    if (idle.dead !== null) return Promise.reject(idle.dead);
    return new Promise((resolve, reject) => {
      idle.waiting.set(id, { resolve, reject });
      idle.worker.postMessage({ id, job }, transfer);
    });
  }
}

/** What a gzip member says of its length (RFC 1952 §2.3.1), in its last four bytes; nobody relies on it. */
function claimedBytes(object: Uint8Array): number {
  if (object.length < 4) return 0;
  const claimed = new DataView(object.buffer, object.byteOffset + object.length - 4);
  return Math.min(claimed.getUint32(0, true), BATCH_INFLATED_BYTES_MAX);
}

function startThread(source: string, data: ThreadData): Thread {
  const worker = new Worker(source, {
    eval: true,
    workerData: data,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
  });
  const thread: Thread = { worker, waiting: new Map(), dead: null };
  const { waiting } = thread;
  worker.on("message", (answer: ThreadAnswer) => {
    const { resolve, reject } = waiting.get(answer.id) as Waiting;
    waiting.delete(answer.id);
    if ("error" in answer) reject(answer.error as Error);
    else resolve(answer.result);
  });
  worker.on("error", (error) => {
    thread.dead = error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  });
  return thread;
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join("scripts", "verify", "thread.ts")],
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    write: false,
    logLevel: "error",
  });
  return outputFiles[0]!.text;
}
