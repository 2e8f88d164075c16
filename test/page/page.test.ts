/**
 * The page in a real Chromium, on a real instance: it opens signed in, is made of six files of this origin, and its policy
 * refuses what it should.
 */
import assert from "node:assert/strict";
import { networkInterfaces, type NetworkInterfaceInfo } from "node:os";
import { after, before, test } from "node:test";
import type { Browser, Route } from "playwright-core";
import { readTokenIdentities } from "../../scripts/parts/identity.ts";
import { Operator, readOperator } from "../../scripts/parts/operator.ts";
import { linkTo } from "../../scripts/parts/page-link.ts";
import { startInstance, type TestInstance } from "../parts/instance.ts";
import { call } from "../e2e/client.ts";
import { assertAccessible } from "./axe.ts";
import { PLAIN_TEXTS } from "./hostile-texts.ts";
import { foreignTexts } from "./signed-in.ts";
import { openBrowser, visit, type Visit, type VisitOptions } from "./browser.ts";

let instance: TestInstance;
let browser: Browser;

before(async () => {
  [instance, browser] = await Promise.all([startInstance(), openBrowser()]);
});
after(async () => {
  await browser?.close();
  await instance?.stop();
});

const linkIn = (output: string): string => /^ {2}(\S+#link=\S+)$/m.exec(output)![1]!;

test("the printed link opens the page signed in, once, and leaves no secret behind", async () => {
  const { url } = instance;
  const link = linkIn(instance.output());
  assert.ok(link.startsWith(`${url}/#link=`));
  const first = await visit(browser, url);
  await first.page.goto(link);
  await first.page.getByRole("heading", { name: "Overview" }).waitFor();
  assert.equal(first.page.url(), `${url}/`);
  const cookies = await first.context.cookies();
  const facts = cookies.map(({ httpOnly, sameSite, path }) => ({ httpOnly, sameSite, path }));
  assert.deepEqual(facts, [{ httpOnly: true, sameSite: "Strict", path: "/" }]);
  const kept = await first.page.evaluate<string>(
    "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])",
  );
  assert.equal(kept, '[{},{},""]');
  // The shell, its style, its two scripts and its icon; the verifier's thread makes six.
  const loaded = new Set(first.requests.filter((address) => !address.includes("/v1/")));
  assert.ok(loaded.size <= 6, [...loaded].join("\n"));
  await first.assertQuiet();

  const second = await visit(browser, url);
  await second.page.goto(link);
  await second.page.getByRole("heading", { name: "Sign in" }).waitFor();
  await first.close();
  await second.close();
});

test("without a link a token signs in, and signing out signs out", async () => {
  const { url, tokens } = instance;
  const { page, context, close, assertQuiet } = await visit(browser, url);
  await page.goto(`${url}/audits`);
  await page.getByLabel("Token").fill(tokens.demo);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Audits" }).waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await assertQuiet();
  // A session that ends in the middle leads to the form, and from there back to where one was.
  await page.getByLabel("Token").fill(tokens.demo);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Runs" }).waitFor();
  await context.clearCookies();
  await page.getByRole("button", { name: "Audit demo now" }).click();
  await page.getByLabel("Token").fill(tokens.demo);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Runs" }).waitFor();
  await close();
});

test("what is away is said, and what still holds; a clock that is days off tells no wrong times", async () => {
  const { page, faults, close } = await open("/");
  await page.getByText("No entries yet").waitFor();
  const refuse = (code: string) => (route: Route) =>
    route.fulfill({ status: 503, json: { code, detail: "away", request_id: "r" } });
  await page.route("**/v1/**", refuse("index_unavailable"));
  await page.reload();
  await page.getByText("Nobody is signed in yet").waitFor();
  await page.unroute("**/v1/**");
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("No entries yet").waitFor();
  await page.route(/v1\/(?!session)/, refuse("index_unavailable"));
  for (const name of ["Entries", "Seals", "Audits"]) {
    await page.getByRole("link", { name, exact: true }).click();
    await page.getByText("What is sealed lies in the vault all the same").waitFor();
    assert.equal(await page.locator(".badge.good").count(), 0);
  }
  await page.unrouteAll();
  // A server that says nothing: after some seconds that is said, and nothing jumps.
  await page.route("**/v1/logs/demo", () => {});
  await page.goto(instance.url);
  await page.getByText("Loading: the server takes its time…").waitFor();
  await page.unrouteAll({ behavior: "ignoreErrors" });

  await page.clock.setSystemTime(Date.now() - 48 * 3_600_000);
  await page.reload();
  await page.getByText("This browser’s clock is 2 days behind the server’s.").waitFor();
  await page
    .getByText(/Z \(.*(?:second|minute)s? ago\)|just now/)
    .first()
    .waitFor();
  assert.deepEqual(
    faults.filter((fault) => !fault.includes("status of 503")),
    [],
  );
  await close();
});

test("the policy is the one that is promised, and holds", async () => {
  const { page, faults, violations, close } = await visit(browser, instance.url);
  const answer = await page.goto(`${instance.url}/`);
  const headers = answer!.headers();
  assert.equal(
    headers["content-security-policy"],
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
      "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
      "require-trusted-types-for 'script'; trusted-types indelible-worker",
  );
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.equal(headers["referrer-policy"], "no-referrer");
  assert.equal(headers["cross-origin-opener-policy"], "same-origin");
  assert.equal(headers["cache-control"], "no-store");
  assert.deepEqual([await violations(), faults], [[], []]);
  // Control: what is not allowed is refused, and seen.
  const refused = await page.evaluate<string>(`(() => {
    const script = document.createElement("script");
    try { script.text = "window.pwn = 1"; document.head.append(script); } catch (error) { return error.name; }
  })()`);
  assert.equal(refused, "TypeError");
  assert.equal((await violations()).length, 1);
  assert.equal(await page.evaluate("window.pwn"), undefined);
  await close();
});

/** Signed in with a token, at an address. */
async function open(path: string, options: VisitOptions = {}, token?: string): Promise<Visit> {
  const { url, tokens } = instance;
  const visited = await visit(browser, url, options);
  await visited.page.goto(url + path);
  await visited.page.getByLabel("Token").fill(token ?? tokens.demo);
  await visited.page.getByRole("button", { name: "Sign in" }).click();
  return visited;
}

test("a tab that one may not use is not there", async () => {
  const { page, close, assertQuiet } = await open("/", {}, instance.tokens.admin);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  const tabs = await page.getByRole("navigation").getByRole("link").allInnerTexts();
  assert.deepEqual(tabs, ["Overview", "Verify", "Access"]);
  await assertQuiet();
  await close();
});

test("a cheat is tried, caught with the entry's number, and repaired", async () => {
  const visited = await visit(browser, instance.url);
  const { page } = visited;
  await page.goto(await linkOf());
  await page.getByRole("link", { name: "Try it" }).first().click();
  const check = page.getByRole("region", { name: "The check" });
  const press = (name: string) => page.getByRole("button", { name, exact: true }).press("Enter");
  await press("Append it");
  await press("Seal now");
  await press("Verify here");
  await check.getByText("1 of 1 sealed entries hold").waitFor();
  for (const [way, words] of [
    ["As the app", "entries are never changed"],
    ["As the store’s user", "AccessDenied"],
  ] as const) {
    await press(way);
    await page.getByText(words).waitFor();
  }
  await press("As the DBA");
  await press("Verify again");
  await check.getByText("entry_altered at entry 0").waitFor();
  await press("Repair from the vault");
  await page.getByRole("heading", { name: "You cheated, and it was noticed" }).waitFor();
  await check.getByText("1 of 1 sealed entries hold").waitFor();
  await assertAccessible(page, "Try it at its end");
  // Who makes every hash behind it anew has a server that shows the edit, and the vault against it all the same.
  await press("Once more");
  await page.getByLabel("An event").fill(`[${EVENT.repeat(2).replace("}{", "},{")}]`);
  await press("Append it");
  await press("Seal now");
  await press("Verify here");
  await check.getByText("3 of 3 sealed entries hold").waitFor();
  await press("As a DBA who knows the chain");
  await page.getByText("the chain of 1 entries behind it fits again").waitFor();
  // Somebody goes away in the middle: what does not match is repaired before anything else is tried.
  await page.reload();
  for (const name of ["Append it", "Seal now", "Verify here"]) await press(name);
  await check.getByText("entry_altered at entry 1").waitFor();
  const marked = await page.locator(".sides").first().locator("mark").allTextContents();
  assert.deepEqual(marked, ["carol", "mallory"]);
  await page.getByText("Something does not match already").waitFor();
  await press("Repair from the vault");
  await check.getByText("4 of 4 sealed entries hold").waitFor();
  await visited.assertQuiet();
  await visited.close();
});

/** Its number would be another one, were it read and written again on the way. */
const EVENT = `{"action":"a","actor":{"id":"carol"},"details":{"n":1e3}}`;

/** A new link, as `npm run link` makes it. */
async function linkOf(): Promise<string> {
  const { port, secret } = (await readOperator(instance.dataDir))!;
  const tokens = (await readTokenIdentities(instance.dataDir))!;
  return linkTo(new Operator(port, secret), instance.url, tokens);
}

test("axe finds nothing, narrow or wide, light or dark", async () => {
  const visited = await visit(browser, instance.url);
  const { page } = visited;
  await page.goto(await linkOf());
  await page.getByRole("heading", { name: "Newest entries" }).waitFor();
  const texts = PLAIN_TEXTS.filter(({ length }) => length <= 80).slice(-20);
  for (const description of texts) {
    const body = JSON.stringify({ roles: ["reader"], logs: ["demo"], description });
    await call(instance.url, "/v1/tokens", { token: instance.tokens.admin, body });
  }
  const [description] = texts;
  const body = JSON.stringify({ url: "https://hooks.example.org/x", description });
  await call(instance.url, "/v1/webhooks", { token: instance.tokens.admin, body });
  for (const [path, heading] of [
    ["/", "Newest entries"],
    ["/audits", "Runs"],
    ["/access", "Tokens"],
    ["/try", "Append"],
  ] as const) {
    await page.goto(instance.url + path);
    await page.getByRole("heading", { name: heading }).waitFor();
    for (const width of [360, 768, 1280]) {
      await page.setViewportSize({ width, height: 800 });
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await assertAccessible(page, `${path} ${width} ${colorScheme}`);
      }
    }
    if (path !== "/access") continue;
    const shown = await foreignTexts(page, "main");
    for (const text of texts) assert.ok(shown.includes(text), text);
    assert.equal(shown.filter((text) => text === description).length, 2, "the webhook's, too");
  }
  await page.goto(`${instance.url}/access`);
  await page.getByRole("button", { name: /^Remove / }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await page.getByText("Nobody is told").waitFor();
  await page.getByRole("button", { name: "New webhook" }).click();
  await page.getByLabel(/^Address/).fill("https://hooks.example.org/x");
  await page.getByRole("button", { name: "Make it" }).click();
  await page
    .getByRole("dialog", { name: "The new secret" })
    .getByText(/^whsec_/)
    .waitFor();
  await page.getByRole("button", { name: "Done" }).click();
  assert.equal(await page.evaluate("window.pwn"), undefined);
  await visited.assertQuiet();
  await visited.close();
});

test("by plain HTTP from another machine: verified all the same, warned of, copied by hand; and no attacker", async () => {
  const isFar = ({ family, internal }: NetworkInterfaceInfo) => family === "IPv4" && !internal;
  const { address } = Object.values(networkInterfaces())
    .flatMap((one) => one ?? [])
    .find(isFar)!;
  await instance.restart({ INDELIBLE_LISTEN: `${address}:0` });
  const visited = await visit(browser, instance.url);
  const { page, context, faults } = visited;
  await page.goto(await linkOf());
  await page.getByText("Not HTTPS: anyone on the way can read and change this page").waitFor();
  assert.equal(await page.evaluate("isSecureContext || !!navigator.clipboard"), false);
  await page.getByRole("button", { name: "Verify here" }).click();
  await page.getByText("4 of 4 sealed entries hold").first().waitFor();
  await page.goto(`${instance.url}/logs/demo/entries/1`);
  await page.getByRole("heading", { name: /Entry/ }).getByText("Verified here").waitFor();
  await page.getByRole("button", { name: "Copy link" }).click();
  await page.getByRole("dialog", { name: "Copy this text" }).waitFor();
  const selected = await page.evaluate("getSelection().toString()");
  assert.equal(selected, `${instance.url}/logs/demo/entries/1`);
  await page.keyboard.press("Escape");
  assert.ok(page.url().endsWith("/entries/1"), "the dialog alone was closed");

  await page.goto(`${instance.url}/try`);
  for (const name of ["Append it", "Seal now", "Verify here"]) {
    await page.getByRole("button", { name, exact: true }).click();
  }
  await page.getByText("There is no attacker here").waitFor();
  assert.equal(await page.getByRole("button", { name: /^As / }).count(), 0);
  const answer = await context.request.post(`${instance.url}/v1/logs/demo/cheats`, {
    ...{ data: { way: "repair", seq: 0 } },
    headers: { "x-indelible-page": "1", origin: instance.url },
  });
  assert.equal(answer.status(), 404);
  await page.getByRole("button", { name: "Flip one character" }).click();
  await page.getByText("entry_altered at entry 4").first().waitFor();
  await page.getByRole("button", { name: "Verify without the change" }).click();
  await page.getByRole("heading", { name: "You cheated, and it was noticed" }).waitFor();
  // Of plain HTTP the browser itself complains.
  assert.deepEqual(
    faults.filter((fault) => !fault.includes("Cross-Origin-Opener-Policy header has been ignored")),
    [],
  );
  await visited.close();
});
