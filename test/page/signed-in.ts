/** A visit to an instance's page as who has a token; and entries to look at. */
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { call } from "../e2e/client.ts";
import type { TestInstance } from "../parts/instance.ts";
import { visit, type Visit, type VisitOptions } from "./browser.ts";

export async function visitAs(
  browser: Browser,
  instance: TestInstance,
  token: string,
  options: VisitOptions = {},
): Promise<Visit> {
  const visited = await visit(browser, instance.url, options);
  const answer = await visited.context.request.post(`${instance.url}/v1/session`, {
    data: { token },
    headers: { "x-indelible-page": "1", origin: instance.url },
  });
  assert.ok(answer.ok(), await answer.text());
  return visited;
}

export async function append(instance: TestInstance, events: readonly object[]): Promise<number> {
  let first: number | null = null;
  for (let at = 0; at < events.length; at += 1_000) {
    const reply = await call(instance.url, "/v1/logs/demo/entries", {
      token: instance.tokens.demo,
      body: JSON.stringify(events.slice(at, at + 1_000)),
    });
    assert.equal(reply.status, 201, reply.text);
    first ??= reply.json<{ first: number }>().first;
  }
  return first!;
}

/** What the page says of each check, by name. */
export function statesOf(page: Page): Promise<Record<string, string>> {
  return page.evaluate(
    `Object.fromEntries([...document.querySelectorAll("[data-check]")].map((one) => [one.dataset.check, one.dataset.state]))`,
  );
}

/** Texts of others, as they stand in the page. */
export function foreignTexts(page: Page, within: string): Promise<string[]> {
  return page.evaluate(
    `[...document.querySelectorAll("${within} bdi")].map((one) => one.textContent)`,
  );
}

/** What went wrong until now, for tests that know of some of it. */
export async function faultsOf(assertQuiet: () => Promise<void>): Promise<string[]> {
  try {
    await assertQuiet();
    return [];
  } catch (error) {
    return (error as { actual: string[] }).actual;
  }
}
