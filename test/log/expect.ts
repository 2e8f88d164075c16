/** Expectations that need no platform: they throw an Error that says what was expected and what was found. */
import { LogError, type LogErrorCode } from "../../storage/log/errors.ts";

/** Both have the same JSON text. */
export function same(actual: unknown, expected: unknown, what = "value"): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: expected ${b}, found ${a}`);
}

export function holds(condition: boolean, what: string): void {
  if (!condition) throw new Error(`${what} does not hold`);
}

/** The work throws a LogError of one of these codes, which is returned. */
export async function refuses(
  work: () => unknown,
  codes: readonly LogErrorCode[],
  what = "input",
): Promise<LogError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof LogError && codes.includes(error.code)) return error;
    throw new Error(`${what}: expected ${codes.join(" or ")}, found ${String(error)}`, {
      cause: error,
    });
  }
  throw new Error(`${what}: accepted, although it must be refused`);
}
