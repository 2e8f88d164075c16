/** The way out of Node processes: nothing inside can be reached by address, by name, by redirect or by a name that changes. */
import assert from "node:assert/strict";
import type { lookup } from "node:dns";
import test from "node:test";
import { nodePost } from "../../scripts/alerts/post.ts";
import { startReceiver } from "./receiver.ts";

const request = { method: "POST", headers: {}, body: "{}", bytesMax: 100, msMax: 2_000 } as const;

test("addresses that are not public are refused before anything is sent", async (t) => {
  const receiver = await startReceiver(t);
  const { port } = new URL(receiver.url);
  const post = nodePost(false);
  for (const host of [
    "127.0.0.1",
    "10.1.2.3",
    "192.168.0.1",
    "169.254.169.254",
    "0x7f000001",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "localhost",
    "intranet",
  ]) {
    await assert.rejects(post(`https://${host}:${port}/`, request), /has a host that is/, host);
  }
  await assert.rejects(post(receiver.url, request), /does not begin with https/);
  await assert.rejects(post("https://user:pw@example.org/", request), /a user or a password/);
  assert.equal(receiver.got.length, 0);
});

/** A name that leads where the test says. */
function leadingTo(addresses: readonly string[]) {
  let asked = 0;
  const resolve = (_: string, __: unknown, callback: (...args: unknown[]) => void) => {
    asked++;
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
    );
  };
  return { resolve: resolve as unknown as typeof lookup, asked: () => asked };
}

test("a public name that leads inside is refused after it was resolved, also by one address of several", async () => {
  for (const addresses of [["127.0.0.1"], ["10.0.0.1"], ["::1"], ["93.184.215.14", "127.0.0.1"]]) {
    const name = leadingTo(addresses);
    const post = nodePost(false, name.resolve);
    await assert.rejects(post("https://hooks.example.org/x", request), (error: Error) => {
      assert.match(error.message, /hooks\.example\.org: the name leads to a private address/);
      assert.ok(!error.message.includes("/x"), "a path may be a secret");
      return true;
    });
    assert.equal(name.asked(), 1, "it is resolved once: there is no second answer to be believed");
  }
});

test("where the configuration allows it, loopback can be reached, and what does not answer in time is given up", async (t) => {
  const receiver = await startReceiver(t);
  const post = nodePost(true);
  assert.equal((await post(receiver.url, request)).status, 200);
  receiver.answer = () => {};
  await assert.rejects(post(receiver.url, { ...request, msMax: 100 }), /no answer within/);
  receiver.answer = (response) => void response.writeHead(200).write("a");
  await assert.rejects(post(receiver.url, { ...request, msMax: 100 }), /127\.0\.0\.1/);
});
