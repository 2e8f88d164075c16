/** Whose address is believed. */
import assert from "node:assert/strict";
import test from "node:test";
import { isNetwork, Networks } from "../../storage/networks.ts";
import { senderAddress } from "../../worker/address.ts";

const own = { onEdge: false, trustedProxies: new Networks(["10.0.0.0/8", "2001:db8::5"]) };

function sender(clientIp: string | null, forwarded?: string): string | null {
  const headers: Record<string, string> = { "cf-connecting-ip": "203.0.113.9" };
  if (forwarded !== undefined) headers["x-forwarded-for"] = forwarded;
  const request = new Request("http://localhost/", { headers });
  if (clientIp !== null) Object.assign(request, { cf: { clientIp } });
  return senderAddress(request, own);
}

test("the other end of the connection is the sender, whatever headers say", () => {
  assert.equal(sender("192.0.2.1:4711", "203.0.113.1"), "192.0.2.1");
  assert.equal(sender("[2001:db8::1]:4711"), "2001:db8::1");
  assert.equal(sender("[::ffff:192.0.2.1]:4711"), "192.0.2.1");
  assert.equal(sender("unix:/socket"), null);
  assert.equal(sender(null, "203.0.113.1"), null);
});

test("a proxy that was named is believed, from the right, up to the first that was not", () => {
  assert.equal(sender("10.0.0.1:1", "203.0.113.1"), "203.0.113.1");
  assert.equal(sender("10.0.0.1:1", "198.51.100.1, 203.0.113.1"), "203.0.113.1");
  assert.equal(sender("10.0.0.1:1", "203.0.113.1, 10.9.9.9"), "203.0.113.1");
  assert.equal(sender("[2001:db8::5]:1", "[2001:db8::77]:1234"), "2001:db8::77");
  assert.equal(sender("10.0.0.1:1", "unknown, 10.9.9.9"), "10.9.9.9");
  assert.equal(sender("10.0.0.1:1"), "10.0.0.1");
});

test("on an edge its own header counts, and nothing else", () => {
  const request = new Request("http://localhost/", {
    headers: { "cf-connecting-ip": "203.0.113.9", "x-forwarded-for": "203.0.113.1" },
  });
  assert.equal(senderAddress(request, { ...own, onEdge: true }), "203.0.113.9");
});

test("what is a network, and what it covers", () => {
  for (const text of ["0.0.0.0/0", "192.0.2.7", "::/0", "2001:db8::/32", "::ffff:192.0.2.0/120"]) {
    assert.ok(isNetwork(text), text);
  }
  for (const text of ["", "10.0.0.0/33", "::/129", "10.0.0/8", "010.0.0.1", "0x7f.0.0.1", "a"]) {
    assert.ok(!isNetwork(text), text);
  }
  const networks = new Networks(["192.0.2.0/24", "2001:db8::/32"]);
  assert.ok(networks.covers("192.0.2.255"));
  assert.ok(networks.covers("::ffff:192.0.2.1"));
  assert.ok(networks.covers("2001:db8:1::1"));
  assert.ok(!networks.covers("192.0.3.0"));
  assert.ok(!networks.covers("2001:db9::1"));
  assert.ok(!networks.covers(null));
});
