/** The command line of `npm run token`: what is understood, and what is refused before anything is started. */
import assert from "node:assert/strict";
import test from "node:test";
import { ConfigError, readCommand } from "../../scripts/config.ts";
import { readTokenRequest, TOKEN_FLAGS } from "../../scripts/token/request.ts";

const NOW_MS = Date.parse("2026-03-01T00:00:00.000Z");
const ID = "abcdefghijkl";

function read(...argv: string[]) {
  const { flags, words } = readCommand(argv, {}, TOKEN_FLAGS);
  return readTokenRequest(flags, words, NOW_MS);
}

test("a request says all that a token is to be", () => {
  assert.deepEqual(read("create", "--role", "admin", "--log", "*"), {
    ...{ verb: "create", roles: ["admin"], logs: ["*"], networks: [], description: "" },
    ...{ expires_at: "2026-05-30T00:00:00.000Z", out: null },
  });
  const many = ["--role", "reader", "--role", "writer", "--role", "reader", "--log", "a.*"];
  assert.deepEqual(
    read("create", ...many, "--log", "_system", "--network", "10.0.0.0/8", "--expires", "never"),
    {
      ...{ verb: "create", roles: ["reader", "writer"], logs: ["a.*", "_system"] },
      ...{ networks: ["10.0.0.0/8"], description: "", expires_at: null, out: null },
    },
  );
  assert.deepEqual(read("list"), { verb: "list" });
  assert.deepEqual(read("revoke", ID), { verb: "revoke", id: ID });
  assert.deepEqual(
    read("rotate", ID, "--overlap", "0", "--expires", "2026-04-01T00:00:00+01:00", "--out", "f"),
    {
      ...{ verb: "rotate", id: ID, overlapSeconds: 0, out: "f" },
      expires_at: "2026-03-31T23:00:00.000Z",
    },
  );
});

test("what cannot be meant is refused with its place", () => {
  const create = ["create", "--role", "admin", "--log", "*"];
  for (const [argv, reason] of [
    [[], /say what to do: create, list, revoke, rotate/],
    [["toString"], /say what to do/],
    [["create", "--log", "*"], /--role is missing/],
    [["create", "--role", "root", "--log", "*"], /--role root is none/],
    [["create", "--role", "admin"], /--log is missing/],
    [["create", "--role", "admin", "--log", "_*"], /--log _\* is none/],
    [[...create, "--network", "10.0.0.0/33"], /--network 10.0.0.0\/33 is none/],
    [[...create, "--expires", "tomorrow"], /--expires tomorrow is not a point in time/],
    [[...create, "--expires", "2026-02-28T00:00:00Z"], /lies in the past/],
    [[...create, "--expires", "2099-01-01T00:00:00Z"], /more than ten years ahead/],
    [[...create, "--description", "d".repeat(1_001)], /more than 1000 characters/],
    [[...create, "--overlap", "5"], /--overlap means nothing with create/],
    [[...create, "more"], /create takes no word/],
    [["list", "--role", "admin"], /--role means nothing with list/],
    [["revoke"], /the id of one token/],
    [["revoke", "ID"], /the id of one token/],
    [["revoke", ID, ID], /the id of one token/],
    [["rotate", ID, "--overlap", "2592001"], /whole seconds from 0 to 2592000/],
    [["rotate", ID, "--overlap", "-1"], /argument|whole seconds/],
    [["rotate", ID, "--nonsense"], /nonsense/],
  ] as const) {
    assert.throws(
      () => read(...argv),
      (error) => error instanceof ConfigError && reason.test(error.message),
      argv.join(" "),
    );
  }
});
