/** axe-core on what a page shows now. Evaluated, not added as a script: the page's own policy refuses that. */
import assert from "node:assert/strict";
import axeCore from "axe-core";
import type { Page } from "playwright-core";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** What is wrong, a line each: rule, number of elements, the first of them. */
export async function axe(page: Page): Promise<string[]> {
  await page.evaluate(axeCore.source);
  return page.evaluate<string[]>(
    `axe.run(document, { runOnly: ${JSON.stringify(TAGS)} }).then(({ violations }) =>
      violations.map(({ id, nodes }) => id + " " + nodes.length + " " + nodes[0].target.join(" ")))`,
  );
}

/** No fault, and nothing beside the window's edge. */
export async function assertAccessible(page: Page, what: string): Promise<void> {
  assert.deepEqual(await axe(page), [], what);
  const over = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
  assert.ok(over <= 0, `${what} is ${over} pixels wider than the window`);
}
