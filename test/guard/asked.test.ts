/** What the guard cannot work with is said at once, by the name of the flag or file. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { readAsked } from "../../scripts/guard/asked.ts";
import { temporaryFolder } from "../verify/check.ts";

test("flags and files of the guard", async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, "token"), "two words");
  await writeFile(join(folder, "alerts.toml"), "[[webhook]]\n");
  const env = { INDELIBLE_DATA: folder };
  const state = ["--state", folder];
  const keyed = [...state, "--vkey", "test/vectors/demo.vkey"];
  const instance = ["--instance", "https://log.example.org/"];
  const cases: readonly (readonly [RegExp, readonly string[]])[] = [
    [/--state DIR is missing/, ["--once"]],
    [/No verifier key/, state],
    [/"now" means nothing here/, ["now", ...keyed]],
    [/--every: "never"/, [...keyed, "--every", "never"]],
    [/--every: "1"/, [...keyed, "--every", "1"]],
    [/--instance: "ftp:/, [...keyed, "--instance", "ftp://log.example.org"]],
    [/--instance: .*\/v1/, [...keyed, "--instance", "https://log.example.org/v1"]],
    [/--token is for --instance/, [...keyed, "--token", join(folder, "token")]],
    [/--token: .*cannot be read/, [...keyed, ...instance, "--token", join(folder, "none")]],
    [/--token: .*one token/, [...keyed, ...instance, "--token", join(folder, "token")]],
    [
      /INDELIBLE_ALERTS .*alerts\.toml\): webhook\[0\]\.url/,
      [...keyed, "--alerts", join(folder, "alerts.toml")],
    ],
  ];
  for (const [message, words] of cases) await assert.rejects(readAsked(words, env), message);
  const asked = await readAsked([...keyed, ...instance, "--every", "60"], env);
  assert.equal(asked.everyMs, 60_000);
  assert.equal(asked.instance?.url, "https://log.example.org");
});
