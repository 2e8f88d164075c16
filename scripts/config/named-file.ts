/** Settings that name a file. */
import { resolve } from "node:path";
import { ConfigError } from "../config.ts";

/** What is in the file, null where none is named; `read` throws what is wrong with it. */
export function readFrom<T>(
  settings: { text(key: "ALERTS" | "OIDC"): string | null },
  key: "ALERTS" | "OIDC",
  base: string,
  privateAllowed: boolean,
  read: (path: string, privateAllowed: boolean) => T,
): T | null {
  const path = settings.text(key);
  if (path === null) return null;
  try {
    return read(resolve(base, path), privateAllowed);
  } catch (error) {
    throw new ConfigError(`INDELIBLE_${key}`, `(${path}): ${(error as Error).message}`);
  }
}
