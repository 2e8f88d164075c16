/**
 * Verifying in a real Chromium: a true log of 10,000 entries holds, with the root that `npm run verify` finds, and the page stays awake;
 * changes made behind the instance's back, and servers that lie, go red by the check that can see them.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page, Route } from "playwright-core";
import { toBase64 } from "../../storage/log/bytes.ts";
import { call } from "../e2e/client.ts";
import { verify } from "../e2e/command.ts";
import { forgeFrom } from "../../scripts/tamper-demo/index-file.ts";
import { sealNow } from "../e2e/sealing.ts";
import { logSigner, otherSigner } from "../log/demo-log.ts";
import { readVectors } from "../log/vectors-files.ts";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { openBrowser, type Visit } from "./browser.ts";
import { makeSource, type MemorySource } from "./memory-source.ts";
import { append, statesOf, visitAs } from "./signed-in.ts";

const COUNT = 10_000;
/** What a busy machine may take from a page that does nothing itself. */
const LONGEST_MS = 1_000;

let instance: TestInstance;
let browser: Browser;

before(async () => {
  [instance, browser] = await Promise.all([
    startInstance({ env: { INDELIBLE_SEAL_SECONDS: "600" } }),
    openBrowser(),
  ]);
  const event = (n: number) => ({ action: `a.${n}`, actor: { id: "alice" }, details: { n } });
  await append(
    instance,
    Array.from({ length: COUNT }, (_, n) => event(n)),
  );
  await sealNow(instance.url, "demo", instance.tokens.demo);
  await append(instance, [event(COUNT), event(COUNT + 1)]);
});
after(async () => {
  await browser?.close();
  await instance?.stop();
});

const open = (): Promise<Visit> => visitAs(browser, instance, instance.tokens.demo);

/** Presses the button, waits for the end, and gives the sentence. */
async function check(page: Page, name = "Verify here"): Promise<string> {
  const panel = page.locator("[data-run]");
  const before = (await panel.count()) === 0 ? 0 : Number(await panel.getAttribute("data-run"));
  await page.getByRole("button", { name }).click();
  await page.locator(`[data-run="${before + 1}"][data-status="done"]`).waitFor();
  return (await page.locator(".verdict").textContent())!;
}

test("a log is verified here, stays so at the next visit, and the page stays awake", async () => {
  const { page, close, assertQuiet } = await open();
  await page.goto(`${instance.url}/verify?log=demo`);
  // The longest time that the page did nothing else, while the thread worked.
  await page.evaluate(`(() => {
    let last = performance.now();
    window.longest = 0;
    const tick = () => { const now = performance.now(); window.longest = Math.max(window.longest, now - last); last = now; setTimeout(tick, 4); };
    tick();
  })()`);
  const threads: string[] = [];
  page.on("worker", (worker) => void threads.push(worker.url()));
  const first = await check(page);
  assert.match(threads.join(), /^\S+\/assets\/verify-[0-9a-f]+\.js$/, "it works beside the page");
  assert.match(
    first,
    /Verified here.*10000 of 10000 sealed entries hold.*Not provable here: no witness/,
  );
  // A busy machine lets anything stand still once; a page that does the work itself would each time.
  const longestMs = () => page.evaluate<number>("window.longest");
  for (let tries = 1; tries < 3 && (await longestMs()) >= LONGEST_MS; tries += 1) {
    await page.evaluate("window.longest = 0");
    await check(page);
  }
  assert.ok((await longestMs()) < LONGEST_MS);
  const states = await statesOf(page);
  const { remembered, key, tail, witness, ...rest } = states;
  assert.deepEqual([remembered, key, tail, witness], ["open", "open", "open", "open"]);
  assert.deepEqual(new Set(Object.values(rest)), new Set(["holds"]));

  await page.reload();
  await page.getByText("Remembered: 10,000 entries").waitFor();
  await check(page);
  const again = await statesOf(page);
  assert.deepEqual([again["remembered"], again["key"], again["tail"]], ["holds", "holds", "open"]);
  const kept = await page.evaluate<{ note: string; vkeys: string[] }>(
    "JSON.parse(localStorage.getItem('indelible.seen.demo'))",
  );
  const { text } = await call(instance.url, "/v1/logs/demo/checkpoint", {
    token: instance.tokens.demo,
  });
  assert.equal(kept.note, text);
  const own = await verify(instance.dataDir);
  assert.deepEqual([own.code, own.logs.find(({ log }) => log === "demo")?.entries], [0, COUNT]);
  await assertQuiet();
  await close();
});

test("one character flipped in memory goes red, names its entry, and changes nothing that is remembered", async () => {
  const { page, close, assertQuiet } = await open();
  await page.goto(`${instance.url}/verify?log=demo`);
  await check(page);
  const words = await check(page, "Flip one character");
  assert.match(words, /Does not match.*entry_altered at entry 5000/);
  assert.equal(await page.locator(".fault mark").first().textContent(), "a");
  assert.equal((await statesOf(page))["sealed"], "fails");
  assert.match(await check(page), /Verified here/);
  await assertQuiet();
  await close();
});

test("a range and one seal are checked; Pause holds, Stop stops and says so", async () => {
  const { page, close, assertQuiet } = await open();
  await page.goto(`${instance.url}/verify?log=demo&from=10&to=20`);
  assert.match(await check(page), /Verified here/);
  await page.getByRole("button", { name: "One seal" }).click();
  await page.getByLabel("The seal that holds entry").fill("9999");
  assert.match(await check(page), /Verified here/);
  assert.ok(page.url().includes("seal=9999"));

  // The server takes its time, so that there is something to hold and to stop.
  const waiting: Route[] = [];
  await page.route("**/seals/0", (route) => void waiting.push(route));
  await page.getByRole("button", { name: "Everything" }).click();
  await page.getByRole("button", { name: "Verify here" }).click();
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByRole("button", { name: "Go on" }).waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Stopped after 0 entries: nothing is said of the rest.").waitFor();
  await Promise.all(waiting.map((route) => route.abort().catch(() => {})));
  await page.unroute("**/seals/0");
  assert.match(await check(page), /Verified here/);
  await assertQuiet();
  await close();
});

/** A server that lies, in the instance's place: everything it says of the log is the source's. */
async function impersonate(page: Page, source: MemorySource): Promise<void> {
  await page.unroute("**/v1/logs/demo**");
  await page.route("**/v1/logs/demo**", async (route) => {
    const { pathname, searchParams: query } = new URL(route.request().url());
    const rest = pathname.slice("/v1/logs/demo".length);
    const number = (name: string): number => Number(query.get(name));
    const json = (body: unknown) => route.fulfill({ json: body });
    if (rest === "") {
      const { vkey, receiptVkey: receipt_vkey, origin, size, sealedSize } = source.facts;
      return json({
        name: "demo",
        description: "",
        trouble: null,
        vkey,
        receipt_vkey,
        origin,
        size,
        sealed_size: sealedSize,
      });
    }
    if (rest === "/seals")
      return json({
        seals: source.sealed.map(({ first, count, checkpoint }) => ({ first, count, checkpoint })),
        next_cursor: null,
      });
    if (rest.startsWith("/seals/"))
      return route.fulfill({ body: Buffer.from(await source.object(Number(rest.slice(7)))) });
    if (rest === "/checkpoint")
      return route.fulfill({ body: await source.checkpoint(query.has("committed")) });
    if (rest === "/consistency") {
      const hashes = await source.consistency(number("from"), number("to"));
      return json({ hashes: hashes.map(toBase64) });
    }
    return route.fulfill({
      body: Buffer.from(await source.lines(number("from"), number("limit"))),
    });
  });
}

const COUNTS = [30, 30, 40];

test("a server that lies is caught by what this browser remembers, or it is said that nothing could be proven", async () => {
  const { page, close, assertQuiet } = await open();
  await impersonate(page, await makeSource(COUNTS));
  await page.goto(`${instance.url}/verify?log=demo`);
  assert.match(await check(page), /Verified here.*Not provable here: no witness/);

  const old = await makeSource(COUNTS.slice(0, 2));
  await impersonate(page, old);
  assert.match(await check(page), /Does not match/);
  const { remembered, ...rest } = await statesOf(page);
  assert.equal(remembered, "fails");
  assert.ok(!Object.values(rest).includes("fails"), "everything else agrees with itself");
  await page.getByText("rolled back: seen 100 sealed entries, now there are 60").first().waitFor();

  await impersonate(page, await makeSource(COUNTS, { salt: 7 }));
  assert.match(await check(page), /Does not match/);
  const stolen = await statesOf(page);
  assert.deepEqual([stolen["signature"], stolen["remembered"]], ["holds", "fails"]);

  await impersonate(page, await makeSource(COUNTS, { salt: 7, signer: otherSigner }));
  assert.match(await check(page), /Does not match/);
  assert.equal((await statesOf(page))["signature"], "fails");
  await page.getByText("The server names another key than the one that is trusted here.").waitFor();

  // Who has never been here cannot see it, and is not told otherwise.
  await page.getByRole("button", { name: "Forget what is remembered" }).click();
  assert.match(await check(page), /Verified here.*Not provable here: no witness/);
  assert.equal((await statesOf(page))["remembered"], "open");
  // Unless the key came another way.
  await page.getByRole("button", { name: "Forget what is remembered" }).click();
  await page.getByLabel(/^Pin a verifier key/).fill(logSigner.vkey);
  await page.getByRole("button", { name: "Pin", exact: true }).click();
  await page.getByText("pinned by you").waitFor();
  assert.match(await check(page), /Does not match/);
  assert.equal((await statesOf(page))["signature"], "fails");
  await assertQuiet();
  await close();
});

test("files are checked signed out, without asking the server; what is no file of ours is harmless", async () => {
  const { page, requests, close, assertQuiet } = await visitAs(
    browser,
    instance,
    instance.tokens.demo,
  );
  await page.context().clearCookies();
  await page.goto(`${instance.url}/verify`);
  const { demo, demoVkey, receipt } = readVectors();
  const files = demo.map(({ name, bytes }) => ({
    name: name.replace("/", "-"),
    mimeType: "application/gzip",
    buffer: Buffer.from(bytes),
  }));
  const texts = {
    "a.tlog-proof": receipt.good[0]!.proof,
    "a.json": receipt.good[0]!.line,
    "<img src=x onerror=window.pwn=1>.html": "<script>window.pwn=1</script>",
  };
  for (const [name, text] of Object.entries(texts))
    files.push({ name, mimeType: "text/plain", buffer: Buffer.from(text) });
  await page.getByLabel(/^Drop here/).setInputFiles(files);
  await page.getByText("no verifier key of").first().waitFor();
  await page.getByLabel(/^Verifier keys/).fill(demoVkey);
  const before = requests.length;
  await page.getByRole("button", { name: "Check again" }).click();
  await page.getByText("Verified here").first().waitFor();
  assert.equal(await page.locator(".checks .badge.good").count(), 5, "four batches and a receipt");
  await page.getByRole("button", { name: "Flip one character" }).click();
  await page.getByText("Does not match").first().waitFor();
  assert.equal(await page.locator(".checks .badge.good").count(), 0);
  assert.equal(requests.length, before, "nothing was asked");
  assert.equal(await page.evaluate("window.pwn"), undefined);
  await assertQuiet();
  await close();
});

test("a row forged in the index, all hashes made anew, is named by the sealed batch on a real instance", async () => {
  await instance.signal("SIGTERM");
  forgeFrom(instance.databaseFile, "demo", 4321, '"alice"', '"mallo"');
  await instance.restart();
  const { page, close, assertQuiet } = await open();
  await page.goto(`${instance.url}/verify?log=demo`);
  assert.match(await check(page), /Does not match.*entry_altered at entry 4321/);
  const states = await statesOf(page);
  assert.deepEqual([states["sealed"], states["root"]], ["fails", "fails"]);
  const [vault, index] = await page.locator(".sides pre").allTextContents();
  assert.match(vault!, /"alice"/);
  assert.match(index!, /"mallo"|refuses/);
  await assertQuiet();
  await close();
});
