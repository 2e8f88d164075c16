/** Tokens: their form, their checksum, and that a checksum of zlib agrees with ours. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import fc from "fast-check";
import { blockOf, readDocument } from "../docs/blocks.ts";
import { makeToken, parseToken, TOKEN_RANDOM_BYTES, tokenSha256Hex } from "../../storage/token.ts";

const random = fc.uint8Array({ minLength: TOKEN_RANDOM_BYTES, maxLength: TOKEN_RANDOM_BYTES });

test("a token has the form of the contract, also at both ends of the random range", () => {
  const form = /^ind_[0-9a-z]{12}_[0-9A-Za-z]{43}[0-9A-Za-z]{6}$/;
  const lowest = makeToken(new Uint8Array(TOKEN_RANDOM_BYTES));
  const highest = makeToken(new Uint8Array(TOKEN_RANDOM_BYTES).fill(255));
  for (const { id, token } of [lowest, highest]) {
    assert.match(token, form);
    assert.equal(parseToken(token)?.id, id);
  }
  assert.equal(lowest.token, `ind_000000000000_${"0".repeat(43)}${lowest.token.slice(-6)}`);
  // 2^256 − 1 in base 62: it fits into 43 digits with nothing cut off.
  assert.equal(highest.token.slice(17, -6), base62(2n ** 256n - 1n));
});

test("the checksum is the CRC-32 that gzip uses, in base 62", () => {
  const { token } = makeToken(new Uint8Array(TOKEN_RANDOM_BYTES));
  // CRC-32 of the 60 characters before it, computed with Python's zlib.crc32.
  assert.equal(token.slice(-6), base62(BigInt(CRC_OF_ZEROS)).padStart(6, "0"));
});

test("no single changed character is accepted", () => {
  const { token } = makeToken(crypto.getRandomValues(new Uint8Array(TOKEN_RANDOM_BYTES)));
  for (let place = 0; place < token.length; place++) {
    for (const other of "0aZ_") {
      if (token[place] === other) continue;
      assert.equal(parseToken(token.slice(0, place) + other + token.slice(place + 1)), null);
    }
  }
  for (const text of ["", "ind_", `${token}0`, token.slice(1), ` ${token}`, `${token}\n`]) {
    assert.equal(parseToken(text), null);
  }
});

test("what SECURITY.md tells secret scanners finds tokens in what people write, and only those", () => {
  const text = blockOf(readDocument("SECURITY.md"), "text secret scanner").text.trim();
  const scanner = new RegExp(text, "g");
  const made = Array.from({ length: 100 }, () =>
    makeToken(crypto.getRandomValues(new Uint8Array(TOKEN_RANDOM_BYTES))),
  ).map(({ token }) => token);
  const page = made.map((token) => `TOKEN="${token}"; curl -H 'Authorization: Bearer ${token}'\n`);
  assert.deepEqual(
    page.join("").match(scanner),
    made.flatMap((token) => [token, token]),
  );
  const [token = ""] = made;
  for (const other of [`x${token}`, `${token}0`, token.toUpperCase(), token.slice(0, -1)]) {
    assert.equal(other.match(scanner), null, other);
  }
});

test("every token parses to its id, and its hash is SHA-256 of the whole", () => {
  const seed = Date.now();
  console.log(`seed ${seed}`);
  fc.assert(
    fc.property(random, (bytes) => {
      const { id, token } = makeToken(bytes);
      assert.deepEqual(parseToken(token), { id });
      assert.equal(tokenSha256Hex(token), createHash("sha256").update(token).digest("hex"));
    }),
    { seed },
  );
});

test("too little randomness is refused", () => {
  assert.throws(() => makeToken(new Uint8Array(39)), RangeError);
});

const CRC_OF_ZEROS = 968927569;

function base62(value: bigint): string {
  const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  let text = "";
  for (let rest = value; rest > 0n; rest /= 62n) text = digits[Number(rest % 62n)]! + text;
  return text;
}
