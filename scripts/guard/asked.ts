/** What the guard was asked for: flags, keys and files, all of it read before anything begins. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { VerifierKey } from "../../storage/log/note.ts";
import type { AlertSettings } from "../alerts/file.ts";
import { readCommand, type Config } from "../config.ts";
import { InputError, instanceOriginOf, readKeys, vkeyFiles } from "../verify/keys.ts";
import { userPath } from "../verify/source.ts";

export class GuardInputError extends Error {}

export interface Asked {
  readonly config: Config;
  readonly stateDir: string;
  readonly keys: readonly VerifierKey[];
  readonly origin: string;
  /** A file like `auditor.env`; null: by environment, or the data folder's. */
  readonly credentials: string | null;
  readonly everyMs: number;
  readonly once: boolean;
  readonly instance: { readonly url: string; readonly token: string | null } | null;
  readonly alerts: AlertSettings;
  /** Nothing else is done: each channel is sent a test. */
  readonly testAlert: boolean;
}

const EVERY_SECONDS = 300;
/** A minute at least: each pass lists the whole vault. A month at most: who looks less often need not look. */
const EVERY_SECONDS_MIN = 5;
const EVERY_SECONDS_MAX = 30 * 86_400;
const TOKEN_CHARS_MAX = 8_192;

export async function readAsked(argv: readonly string[], from: NodeJS.ProcessEnv): Promise<Asked> {
  // Only for a store that somebody writes to; a guard need not say it.
  const env = { INDELIBLE_SYSTEM_RETENTION_DAYS: "1", ...from };
  const { config, flags, words } = readCommand(argv, env, {
    state: { type: "string" },
    vkey: { type: "string", multiple: true },
    credentials: { type: "string" },
    every: { type: "string" },
    once: { type: "boolean" },
    instance: { type: "string" },
    token: { type: "string" },
    "test-alert": { type: "boolean" },
  });
  if (words.length > 0) throw new GuardInputError(`"${words[0]}" means nothing here.`);
  const text = (name: string): string | null => (flags[name] as string | undefined) ?? null;
  const path = (name: string): string | null => {
    const given = text(name);
    return given === null ? null : userPath(given);
  };
  const stateDir = path("state");
  if (stateDir === null) {
    throw new GuardInputError("--state DIR is missing: the folder in which the guard remembers.");
  }
  const vkeys = ((flags["vkey"] ?? []) as string[]).map((file) => userPath(file));
  const keys = await readKeys(
    vkeys.length > 0 ? vkeys : await vkeyFiles(join(config.dataDir, "vkeys")),
  );
  if (keys.length === 0) throw new InputError("No verifier key: give --vkey FILE.");
  return {
    ...{ config, stateDir, keys, origin: instanceOriginOf(keys), once: flags["once"] === true },
    credentials: path("credentials"),
    everyMs: everyMs(text("every")),
    instance: await instanceOf(text("instance"), path("token")),
    alerts: config.alerts ?? { link: null, channels: [] },
    testAlert: flags["test-alert"] === true,
  };
}

function everyMs(given: string | null): number {
  const seconds = given === null ? EVERY_SECONDS : Number(given);
  if (!Number.isInteger(seconds) || seconds < EVERY_SECONDS_MIN || seconds > EVERY_SECONDS_MAX) {
    const range = `${EVERY_SECONDS_MIN} to ${EVERY_SECONDS_MAX}`;
    throw new GuardInputError(`--every: "${given}" is no number of seconds from ${range}.`);
  }
  return seconds * 1_000;
}

async function instanceOf(
  url: string | null,
  tokenFile: string | null,
): Promise<Asked["instance"]> {
  if (url === null) {
    if (tokenFile !== null) throw new GuardInputError("--token is for --instance URL.");
    return null;
  }
  if (!/^https?:\/\/[^\s/?#]+\/?$/.test(url) || !URL.canParse(url)) {
    throw new GuardInputError(`--instance: "${url}" is no address like https://log.example.org.`);
  }
  return {
    url: new URL(url).origin,
    token: tokenFile === null ? null : await readToken(tokenFile),
  };
}

async function readToken(file: string): Promise<string> {
  const token = await readFile(file, "utf8").then(
    (content) => content.trim(),
    () => null,
  );
  if (token === null) throw new GuardInputError(`--token: ${file} cannot be read.`);
  if (!/^[\x21-\x7e]+$/.test(token) || token.length > TOKEN_CHARS_MAX) {
    throw new GuardInputError(`--token: ${file} does not hold one token.`);
  }
  return token;
}
