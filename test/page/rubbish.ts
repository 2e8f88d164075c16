/** What somebody may be sent, or a server may say, to spoil the page: it does nothing, and it fits. */
import assert from "node:assert/strict";
import { sealNow } from "../e2e/sealing.ts";
import type { EntriesPage } from "../../worker/page/state/answers.ts";
import type { TestInstance } from "../parts/instance.ts";
import type { Visit } from "./browser.ts";
import { PLAIN_TEXTS } from "./hostile-texts.ts";
import { append, faultsOf } from "./signed-in.ts";

/** As long as an action, an id and a name may be, and without a place to break it. */
const WORD = "w".repeat(200);
/** `__proto__` as a member, by way of text: as a literal it would be none. */
const nested = (depth: number): object =>
  depth === 0 ? {} : (JSON.parse(`{"__proto__":${JSON.stringify(nested(depth - 1))}}`) as object);

const EVENT = {
  ...{ action: WORD, actor: { id: WORD, name: WORD }, targets: [{ id: WORD, name: WORD }] },
  details: { word: "x".repeat(60_000), [WORD]: nested(20) },
};

/** Addresses that somebody was sent, and a word of what they show. */
const ADDRESSES: Readonly<Record<string, RegExp>> = {
  "/logs/demo?cursor=%3Cscript%3E": /not one that this list gave/,
  "/logs/demo?since=%3Cb%3E&tz=%3Ci%3E&order=__proto__&counts=%3Cu%3E": /"since" is a time/,
  "/logs/demo/entries/9999999": /Entry 9999999 could not be shown/,
  "/logs/demo/entries/9999999999999999": /Nothing lives at this address/,
  "/logs/%3Cimg%20src=x%20onerror=window.pwn=1%3E": /Entries of <img src=x onerror=window.pwn=1>/,
  "/logs/%E0%A4%A/seals": /Seals of %E0%A4%A/,
  "/verify?log=demo&from=-1&to=1e9&seal=x#link=%3Cscript%3E": /Verify demo/,
  "/?log=__proto__&last=constructor#<img src=x onerror=window.pwn=1>": /Newest entries/,
};

export async function assertRubbishIsHarmless(
  { page, assertQuiet }: Visit,
  instance: TestInstance,
): Promise<void> {
  const { url, tokens } = instance;
  const seq = await append(instance, [EVENT]);
  await sealNow(url, "demo", tokens.demo);
  const assertHarmless = async () => assert.equal(await page.evaluate("window.pwn"), undefined);
  for (const [path, words] of Object.entries(ADDRESSES)) {
    await page.goto(url + path);
    await page.getByText(words).first().waitFor();
    await assertHarmless();
  }
  await page.goto(`${url}/logs/demo?cursor=x`);
  await page.getByRole("button", { name: "Show all entries" }).click();
  await page.locator("table.entries tbody tr").first().waitFor();
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 800 });
    for (const path of ["/", "/logs/demo", `/logs/demo/entries/${seq}`]) {
      await page.goto(url + path);
      await page.locator("main").getByText("wwwwwwww").first().waitFor();
      const over = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
      assert.ok(over <= 0, `${path} at ${width}: ${over}`);
    }
  }
  // Two rows an hour apart that a clock on a wall tells alike: told apart, and in order, whatever the zone.
  await page.route("**/v1/logs/demo/entries?limit=100*", async (route) => {
    const response = await route.fetch();
    const { entries, ...rest } = (await response.json()) as EntriesPage;
    const two = entries.slice(0, 2).map((item, i) => ({
      ...item,
      entry: { ...item.entry, time: `2026-10-25T0${1 - i}:30:00.000Z` },
    }));
    await route.fulfill({ response, json: { ...rest, entries: two } });
  });
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.goto(`${url}/logs/demo?tz=local`);
  const times = page.locator("table.entries time");
  await page.getByRole("columnheader", { name: "Time (Europe/Berlin)" }).waitFor();
  assert.deepEqual(await times.allTextContents(), [
    "2026-10-25 02:30:00+01:00",
    "2026-10-25 02:30:00+02:00",
  ]);
  await page.keyboard.press("u");
  await page.getByRole("columnheader", { name: "Time (UTC)" }).waitFor();
  assert.deepEqual(await times.allTextContents(), ["2026-10-25 01:30:00Z", "2026-10-25 00:30:00Z"]);
  assert.equal(new URL(page.url()).search, "", "UTC needs no saying");
  await page.unrouteAll();

  const [detail] = PLAIN_TEXTS;
  const refusal = { code: detail, detail, status: 418, request_id: detail };
  await page.route("**/v1/logs/demo/seals*", (route) =>
    route.fulfill({ status: 418, json: refusal }),
  );
  await page.goto(`${url}/logs/demo/seals`);
  await page.getByRole("alert").waitFor();
  const said = (await page.getByRole("alert").textContent())!;
  assert.ok(said.includes(`The server’s words: ${detail} · request ${detail}`), said);
  await assertHarmless();
  const faults = await faultsOf(assertQuiet);
  assert.deepEqual(
    faults.filter((fault) => !/status of 4/.test(fault)),
    [],
  );
}
