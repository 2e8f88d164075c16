/** The Chromium that the page's tests run in: the one of CHROMIUM_BIN, or one on PATH. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/** Its path. Throws where there is none: tests of the page are never left out silently. */
export function findChromium(env: NodeJS.ProcessEnv = process.env): string {
  const given = env.CHROMIUM_BIN;
  if (given) return given;
  for (const name of NAMES) {
    for (const folder of (env.PATH ?? "").split(delimiter)) {
      const path = join(folder, name);
      if (folder !== "" && isExecutable(path)) return path;
    }
  }
  throw new Error(
    `The page's tests need Chromium: install it (apt-get install chromium), or name one in CHROMIUM_BIN.`,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
