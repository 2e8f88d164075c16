/**
 * A real Chromium for the page's tests: one browser for a file, a context of its own for each visit. Every visit counts what the
 * policy refused, what the console complained of, dialogs, and requests to any other origin; a test ends by asserting that
 * there was none (`assertQuiet`).
 */
import assert from "node:assert/strict";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { findChromium } from "../../scripts/parts/chromium.ts";

/** So that a test that waits for what never comes says so, and does not take the whole suite's time. */
const STEP_LIMIT_MS = 45_000;

export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** What happened that must not: violations of the policy, errors, dialogs, requests elsewhere. */
  readonly faults: string[];
  /** Addresses asked for, in order. */
  readonly requests: string[];
  /** Violations of the policy that the page reported until now. */
  violations(): Promise<string[]>;
  /** Asserts that nothing went wrong so far. */
  assertQuiet(): Promise<void>;
  close(): Promise<void>;
}

export interface VisitOptions {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: "light" | "dark";
  readonly timezone?: string;
}

/** Throws, and says how to get one, where there is no Chromium. */
export async function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium(),
    args: [
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
      ...["--disable-dev-shm-usage", "--no-first-run", "--disable-default-apps"],
    ],
  });
}

const WATCH = `
  window.violations = [];
  addEventListener("securitypolicyviolation", (event) => {
    violations.push(event.violatedDirective + " " + event.blockedURI + " " + (event.sample || ""));
  });
`;

export async function visit(
  browser: Browser,
  origin: string,
  { width = 1280, height = 800, scheme = "light", timezone = "Europe/Berlin" }: VisitOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    timezoneId: timezone,
    reducedMotion: "reduce",
  });
  context.setDefaultTimeout(STEP_LIMIT_MS);
  await context.addInitScript(WATCH);
  const page = await context.newPage();
  const faults: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    const url = request.url();
    requests.push(url);
    if (!url.startsWith(`${origin}/`) && !url.startsWith("blob:") && !url.startsWith("data:")) {
      faults.push(`request elsewhere: ${url}`);
    }
  });
  const violations = () => page.evaluate<string[]>("window.violations");
  return {
    ...{ page, context, faults, requests, violations },
    assertQuiet: async () => assert.deepEqual([...faults, ...(await violations())], []),
    close: () => context.close(),
  };
}
