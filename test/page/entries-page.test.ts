/**
 * Entries in a real Chromium: hostile texts in every field are seen as they are and do nothing; an entry has an address of its own; new
 * rows wait; everything goes by keyboard.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { EntriesPage } from "../../worker/page/state/answers.ts";
import { call } from "../e2e/client.ts";
import { sealNow } from "../e2e/sealing.ts";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { assertAccessible, axe } from "./axe.ts";
import { openBrowser, type Visit } from "./browser.ts";
import { ALL_TEXTS, PLAIN_TEXTS } from "./hostile-texts.ts";
import { assertRubbishIsHarmless } from "./rubbish.ts";
import { append, faultsOf, foreignTexts, visitAs } from "./signed-in.ts";

let instance: TestInstance;
let browser: Browser;
/** Seqs of entries with one hostile text each in every field, and of one that has all of them. */
let hostile: number;
let all: number;

before(async () => {
  [instance, browser] = await Promise.all([
    startInstance({ env: { INDELIBLE_SEAL_SECONDS: "600" } }),
    openBrowser(),
  ]);
  const plain = (n: number) => ({ action: `a.${n}`, actor: { id: "alice" } });
  await append(
    instance,
    Array.from({ length: 300 }, (_, n) => plain(n)),
  );
  const texts = PLAIN_TEXTS.filter((text) => [...text].length <= 64);
  const everywhere = (text: string) => ({
    ...{ action: text, actor: { id: text, type: text, name: text }, id: text },
    targets: [{ id: text, type: text, name: text }],
    context: { ip: text, user_agent: text, location: text, request_id: text },
    details: { [text]: text, list: [text] },
  });
  hostile = await append(instance, texts.map(everywhere));
  const members = JSON.parse(
    `{${ALL_TEXTS.map((text) => `${JSON.stringify(text)}:${JSON.stringify(text)}`).join()}}`,
  ) as object;
  all = await append(instance, [
    {
      ...{ action: "all.texts", actor: { id: "x" } },
      details: { before: members, after: { changed: ALL_TEXTS[0] } },
    },
  ]);
  await sealNow(instance.url, "demo", instance.tokens.demo);
  const description = PLAIN_TEXTS.slice(0, 12).join(" ");
  const changed = await call(instance.url, "/v1/logs/demo", {
    ...{ token: instance.tokens.admin, method: "PATCH", body: JSON.stringify({ description }) },
  });
  assert.equal(changed.status, 200, changed.text);
});
after(async () => {
  await browser?.close();
  await instance?.stop();
});

const open = (): Promise<Visit> => visitAs(browser, instance, instance.tokens.demo);
const at = (path: string): string => `${instance.url}/logs/demo${path}`;
const rows = (page: Page) => page.locator("table.entries tbody tr");

async function assertHarmless(page: Page): Promise<void> {
  assert.equal(await page.evaluate("window.pwn"), undefined);
}

test("hostile texts in every field of a row, in the log's description and in the search are what they are", async () => {
  const { page, assertQuiet, close } = await open();
  await page.goto(at(""));
  await rows(page).first().waitFor();
  for (const column of ["Written by", "From address"]) {
    await page.getByRole("button", { name: "Columns" }).click();
    await page.getByLabel(column).check();
    await page.getByRole("button", { name: "Columns" }).click();
  }
  const shown = await foreignTexts(page, "table.entries");
  for (const text of PLAIN_TEXTS.filter((one) => [...one].length <= 64)) {
    // Actor, action, target (a name that is the id is shown once) and address.
    assert.equal(shown.filter((one) => one === text).length, 4, text);
  }
  const described = await foreignTexts(page, ".list");
  assert.ok(described.includes(PLAIN_TEXTS.slice(0, 12).join(" ")));
  for (const text of ALL_TEXTS) {
    const query = new URLSearchParams({ q: text, actor: text, log: text });
    await page.evaluate(
      `history.pushState(null, "", ${JSON.stringify(`/logs/demo?${query.toString()}`)}); dispatchEvent(new PopStateEvent("popstate"))`,
    );
    await page.locator(".pieces li").first().waitFor();
  }
  const text = PLAIN_TEXTS[0]!;
  await page.goto(at(`?${new URLSearchParams({ q: text, action: text }).toString()}`));
  await page.locator(".pieces li").first().waitFor();
  assert.deepEqual(await foreignTexts(page, ".pieces"), [text, text]);
  assert.equal(await page.getByRole("searchbox").inputValue(), `action:${text} ${text}`);
  await page.getByRole("searchbox").fill(`actor:"${text}" ${text}`);
  await page.keyboard.press("Enter");
  await page.locator(".pieces").getByText("actor").waitFor();
  assert.equal(new URL(page.url()).searchParams.get("actor"), text);
  await assertHarmless(page);
  // Refusals of searches that cannot be, and of counts that come too fast, are the console's only words.
  const faults = await faultsOf(assertQuiet);
  assert.deepEqual(
    faults.filter((fault) => !/status of (?:400|503)/.test(fault)),
    [],
  );
  await close();
});

test("hostile texts in every field, key and change of an open entry are what they are", async () => {
  const { page, assertQuiet, close } = await open();
  await page.goto(at(`/entries/${all}`));
  await page.locator(".drawer .tree").first().waitFor();
  const keys = await foreignTexts(page, ".drawer .tree .key");
  const values = await foreignTexts(page, ".drawer .tree .leaf");
  for (const text of ALL_TEXTS) {
    if (text.length <= 200) assert.ok(keys.includes(text), `key ${JSON.stringify(text)}`);
    assert.ok(values.includes(text), `value ${JSON.stringify(text)}`);
  }
  await page.getByRole("button", { name: "Changes" }).click();
  const changes = await foreignTexts(page, ".drawer table.diff");
  for (const text of ALL_TEXTS) assert.ok(changes.includes(text), `change ${JSON.stringify(text)}`);
  for (let i = 0; i < 3; i++) {
    await page.goto(at(`/entries/${hostile + i}`));
    await page.locator(".drawer .fields").waitFor();
    const fields = await foreignTexts(page, ".drawer .fields");
    assert.ok(fields.filter((one) => one === PLAIN_TEXTS[i]).length >= 11, fields.join("\n"));
    await page.getByRole("button", { name: "Exact bytes" }).click();
    const [line] = await foreignTexts(page, ".drawer .bytes");
    const { text } = await call(instance.url, `/v1/logs/demo/entries/${hostile + i}`, {
      ...{ token: instance.tokens.demo, headers: { accept: "application/x-ndjson" } },
    });
    assert.equal(`${line}\n`, text);
  }
  await assertHarmless(page);
  await assertQuiet();
  await close();
});

test("an entry's address opened cold shows its row and itself, verified here; Back and Esc lead away", async () => {
  const { page, assertQuiet, close } = await open();
  await page.goto(at(""));
  await page.goto(at("/entries/42?show=proof"));
  const drawer = page.getByRole("complementary", { name: "Entry 42 of demo" });
  await drawer.getByText("Verified here").waitFor();
  await page.locator("tr[aria-current=true]").getByText("42", { exact: true }).waitFor();
  assert.equal(await page.evaluate("document.activeElement.className"), "drawer");
  await drawer.getByText("COMPLIANCE").waitFor();
  await drawer.getByText(/1 version · read from the store/).waitFor();
  assert.equal(
    await drawer.locator("ol.path > li").count(),
    2 + (await drawer.locator("svg .sibling").count()),
  );
  await page.goBack();
  await drawer.waitFor({ state: "detached" });
  await page.goForward();
  await drawer.waitFor();
  await page.locator("tr[aria-current=true]").waitFor();
  await page.keyboard.press("Escape");
  await drawer.waitFor({ state: "detached" });
  assert.equal(page.url(), at(""));
  assert.equal(await page.evaluate("document.activeElement.textContent"), "42");
  await assertQuiet();
  await close();
});

test("the keyboard alone: search, rows, an entry, its neighbours, its tabs; and single keys can be off", async () => {
  const { page, assertQuiet, close } = await open();
  await page.goto(at(""));
  await rows(page).first().waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("nothing typed here opens j k");
  assert.equal(await page.getByRole("searchbox").inputValue(), "nothing typed here opens j k");
  await page.getByRole("searchbox").fill("");
  await page.evaluate("document.activeElement.blur()");
  for (const key of ["j", "j", "ArrowDown", "k"]) await page.keyboard.press(key);
  const focused = Number(await page.evaluate("document.activeElement.textContent"));
  assert.equal(focused, all - 1);
  await page.keyboard.press("Enter");
  const drawer = (seq: number) => page.getByRole("complementary", { name: `Entry ${seq} of demo` });
  await drawer(focused).waitFor();
  await page.keyboard.press("j");
  await drawer(focused - 1).waitFor();
  await page.keyboard.press("ArrowLeft");
  await drawer(focused).waitFor();
  await page.keyboard.press("?");
  await page.getByLabel("Single keys do something").uncheck();
  await page.keyboard.press("Escape");
  await page.keyboard.press("j");
  await page.keyboard.press("Tab");
  assert.ok(await drawer(focused).isVisible(), "the key did nothing");
  await assertQuiet();
  await close();
});

test("rows say that they were checked here only after they were, and one that says something else does not match", async () => {
  const { page, assertQuiet, close } = await open();
  await page.goto(at(""));
  await rows(page).nth(99).waitFor();
  assert.equal(await page.locator("table.entries .badge").count(), 0);
  await page.getByRole("link", { name: "Verify", exact: true }).click();
  await page.getByRole("button", { name: "Verify here" }).click();
  await page.locator(".verdict").getByText("Verified here").waitFor();
  await page.getByRole("link", { name: "Entries", exact: true }).click();
  await page.locator("table.entries .badge.good").nth(99).waitFor();
  await page.route(/entries\?.*order=asc/, async (route) => {
    const response = await route.fetch();
    const answer = (await response.json()) as EntriesPage;
    (answer.entries[7]!.entry.event as { action: string }).action = "a.8";
    await route.fulfill({ response, json: answer });
  });
  await page.getByRole("link", { name: "Oldest first" }).click();
  await page.locator("tr[data-seq='7']").getByText("Does not match").waitFor();
  await page.locator("table.entries .badge.good").nth(98).waitFor();
  assert.equal(await page.locator("table.entries .badge.good").count(), 99);
  await assertQuiet();
  await close();
});

test("live: new rows wait, a reader is not moved, and what is not sealed is never green", async () => {
  const { page, assertQuiet, close } = await open();
  await page.goto(at(""));
  await rows(page).nth(60).waitFor();
  await page.getByRole("button", { name: /^Live/ }).click();
  await rows(page).nth(60).scrollIntoViewIfNeeded();
  const top = (): Promise<number> =>
    page.evaluate(
      "Math.round(document.querySelectorAll('table.entries tbody tr')[60].getBoundingClientRect().top)",
    );
  const before = await top();
  const first = await append(
    instance,
    Array.from({ length: 12 }, (_, n) => ({ action: `new.${n}`, actor: { id: "bob" } })),
  );
  await page.getByRole("button", { name: "12 new" }).waitFor();
  assert.equal(await top(), before);
  await page.getByRole("button", { name: "12 new" }).click();
  await page.getByText("new.11").waitFor();
  assert.equal(await rows(page).count(), 112);
  const states: string[] = await page.locator("table.entries .unsealed").allTextContents();
  assert.deepEqual(
    states,
    Array.from({ length: 12 }, () => "not sealed"),
  );
  await page.goto(at(`/entries/${first}?show=proof`));
  await page.getByText("promised by the receipt key, not sealed yet").waitFor();
  await page.getByRole("heading", { name: /Entry/ }).getByText("Not checked").waitFor();
  await assertQuiet();
  await close();
});

test("counts are the server's, of the whole filter, and each value is a condition", async () => {
  const { page, assertQuiet, close } = await open();
  await page.goto(at("?action=a.*"));
  const counts = page.locator(".counts");
  await counts.getByText("300", { exact: true }).first().waitFor();
  await counts.getByRole("button", { name: "alice 300" }).click();
  await page.locator(".pieces").getByText("alice").waitFor();
  assert.equal(new URL(page.url()).searchParams.get("actor"), "alice");
  await rows(page).nth(99).waitFor();
  await page.getByRole("link", { name: "Next 100 ›" }).click();
  await page.getByText("a.199", { exact: true }).waitFor();
  await counts.getByRole("button", { name: "Show as table" }).click();
  await counts.getByRole("columnheader", { name: "From" }).waitFor();
  await assertQuiet();
  await close();
});

test("a search is checked for what it left out, and an export of it holds in the page, but not when it was cut", async () => {
  const { page, context, assertQuiet, close } = await open();
  await page.goto(at("?action=a.7*"));
  await page.getByRole("button", { name: "Was nothing left out?" }).click();
  const said = page.locator(".complete");
  await said.getByText(/^11 hits, and no other/).waitFor();
  await said.getByText("Verified here").waitFor();
  // A server that leaves one out.
  await page.route(/entries\?.*prove=true/, async (route) => {
    const response = await route.fetch();
    const answer = (await response.json()) as { entries: unknown[] };
    await route.fulfill({ response, json: { ...answer, entries: answer.entries.slice(1) } });
  });
  await page.getByRole("button", { name: "Was nothing left out?" }).click();
  // The page asks for the oldest first.
  await said.getByText(/entry_missing at entry 7:/).waitFor();

  await page.getByRole("button", { name: "Export" }).click();
  const href = (await page.getByRole("link", { name: /Evidence/ }).getAttribute("href"))!;
  const headers = { "x-indelible-page": "1" };
  const body = await (await context.request.get(instance.url + href, { headers })).body();
  const { vkey } = (await (
    await context.request.get(`${instance.url}/v1/logs/demo`, { headers })
  ).json()) as { vkey: string };
  await page.goto(`${instance.url}/verify?way=file`);
  await page.getByLabel(/^Verifier keys/).fill(vkey);
  const drop = (name: string, buffer: Buffer) =>
    page.getByLabel(/^Drop here/).setInputFiles({ name, mimeType: "application/x-ndjson", buffer });
  await drop("whole.jsonl", body);
  await page.getByText(/11 entries of demo/).waitFor();
  await page.locator(".checks").getByText("Verified here").waitFor();
  const lines = body.toString().split("\n");
  await drop("cut.jsonl", Buffer.from(lines.toSpliced(3, 1).join("\n")));
  await page.locator(".checks").getByText("Does not match").waitFor();
  await assertQuiet();
  await close();
});

test("seals: each lock is read from the store, by version id", async () => {
  const { page, assertQuiet, close } = await open();
  await page.goto(at("/seals"));
  await page.getByText("COMPLIANCE").first().waitFor();
  await page
    .getByText(/1 version · read from the store/)
    .first()
    .waitFor();
  await page.route("**/seals/*/lock", (route) =>
    route.fulfill({
      json: {
        ...{
          first: 0,
          key: "k",
          version_id: "<img src=x onerror=window.pwn=1>",
          mode: "GOVERNANCE",
        },
        ...{
          retain_until: "2033-01-01T00:00:00.000Z",
          versions: 2,
          markers: 1,
          read_at: new Date().toISOString(),
        },
      },
    }),
  );
  await page.reload();
  await page
    .getByText("GOVERNANCE: it can be deleted; 2 versions under one name; 1 delete marker")
    .waitFor();
  assert.equal(await page.locator("table.seals .badge.bad").count(), 1);
  await page.getByRole("button", { name: "Show as table" }).click();
  await page.getByRole("columnheader", { name: "Locks end in" }).waitFor();
  await assertHarmless(page);
  await assertQuiet();
  await close();
});

test("addresses full of rubbish, refusals full of it and words without an end do nothing and fit", async () => {
  const visited = await open();
  await assertRubbishIsHarmless(visited, instance);
  await visited.close();
});

/** Each of these pages, once what it shows is there. */
const SCREENS: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  "/logs/demo?action=a.1*": (page) => page.locator(".counts figure").waitFor(),
  "/logs/demo?q=nosuchword": (page) => page.getByText("Searched: action").waitFor(),
  "/logs/demo/entries/42": (page) => page.locator(".drawer .fields").waitFor(),
  "/logs/demo/entries/42?show=bytes": (page) => page.locator(".drawer .bytes").waitFor(),
  "/logs/demo/entries/42?show=proof": (page) => page.getByText("COMPLIANCE").first().waitFor(),
  "/logs/demo/seals": (page) => page.getByText("COMPLIANCE").first().waitFor(),
  "/verify?log=demo": async (page) => {
    await page.getByRole("button", { name: "Verify here" }).click();
    await page.locator(".verdict").waitFor();
    await page.getByRole("button", { name: "Flip one character" }).click();
    await page.locator(".fault").first().waitFor();
  },
  "/verify?way=file": (page) => page.getByLabel(/^Drop here/).waitFor(),
};

test("axe finds nothing on any of these pages, narrow or wide, light or dark; and it does look", async () => {
  for (const [width, scheme] of [
    [360, "dark"],
    [1280, "light"],
  ] as const) {
    const { page, assertQuiet, close } = await visitAs(browser, instance, instance.tokens.demo, {
      width,
      scheme,
    });
    for (const [path, isThere] of Object.entries(SCREENS)) {
      await page.goto(instance.url + path);
      await isThere(page);
      await assertAccessible(page, `${path} at ${width}, ${scheme}`);
    }
    await page.evaluate(
      "document.querySelector('main').append(Object.assign(document.createElement('button'), { type: 'button' }))",
    );
    assert.deepEqual(
      (await axe(page)).map((fault) => fault.split(" ")[0]),
      ["button-name"],
    );
    await assertQuiet();
    await close();
  }
});
