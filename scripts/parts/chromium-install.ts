/** Brings the Chromium that the page's tests need, where it is not there and may be installed: as root, from Debian's packages. */
import { runTool } from "./tool.ts";
import { findChromium } from "./chromium.ts";

/** Throws, and says what to do, where there is none and none can be had. */
export async function haveChromium(say: (message: string) => void): Promise<void> {
  try {
    findChromium();
    return;
  } catch (error) {
    if (process.getuid?.() !== 0) throw error;
  }
  say("Installing chromium, for the tests of the page.");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  // Package lists may be old, or missing as in most images; if they cannot be had, those that are there may do.
  await runTool("apt-get", ["update", "-qq"], { env }).catch(() => null);
  const args = ["install", "-y", "-qq", "--no-install-recommends", "chromium"];
  await runTool("apt-get", args, { env }).catch(() => null);
  findChromium();
}
