/** Waiting for a condition of a running instance. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = 25;

/** Resolves with the first value that is not null or false; throws with `what` and the last error after a minute. */
export async function until<T>(
  what: string,
  look: () => Promise<T | null | false> | T | null | false,
  patienceMs: number = PATIENCE_MS,
): Promise<T> {
  const deadlineMs = Date.now() + patienceMs;
  let last: unknown = "the condition is not met";
  for (;;) {
    try {
      const found = await look();
      if (found !== null && found !== false) return found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadlineMs) {
      throw new Error(`${what}: not within ${patienceMs} ms`, { cause: last });
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
