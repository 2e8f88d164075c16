/** The command line of `npm run token`: what is asked for, checked before anything is started. */
import { isNetwork } from "../../storage/networks.ts";
import {
  DESCRIPTION_CHARS_MAX,
  expiryOf,
  isPattern,
  OVERLAP_SECONDS,
  OVERLAP_SECONDS_MAX,
  TOKEN_LOGS_MAX,
  TOKEN_NETWORKS_MAX,
  TOKEN_ROLES,
} from "../../storage/token-rules.ts";
import { ConfigError, type ExtraFlags, type ParsedCommand } from "../config.ts";
import type { NewToken } from "./desk.ts";

export type TokenRequest =
  | { readonly verb: "list" }
  | { readonly verb: "revoke"; readonly id: string }
  | ({ readonly verb: "create"; readonly out: string | null } & Omit<NewToken, "id" | "sha256">)
  | {
      readonly verb: "rotate";
      readonly out: string | null;
      readonly id: string;
      readonly expires_at: string | null;
      readonly overlapSeconds: number;
    };

export const TOKEN_FLAGS: ExtraFlags = {
  role: { type: "string", multiple: true },
  log: { type: "string", multiple: true },
  network: { type: "string", multiple: true },
  description: { type: "string" },
  expires: { type: "string" },
  overlap: { type: "string" },
  out: { type: "string" },
};

/** Flags that a verb knows, and how many words follow it. */
const VERBS = {
  create: { flags: ["role", "log", "network", "description", "expires", "out"], words: 0 },
  list: { flags: [], words: 0 },
  revoke: { flags: [], words: 1 },
  rotate: { flags: ["expires", "overlap", "out"], words: 1 },
} as const satisfies Record<string, { readonly flags: readonly string[]; readonly words: number }>;

type Flags = ParsedCommand["flags"];

/** Throws `ConfigError`. */
export function readTokenRequest(
  flags: Flags,
  [verb = "", ...words]: readonly string[],
  nowMs: number,
): TokenRequest {
  if (!isVerb(verb)) throw wrong(`say what to do: ${Object.keys(VERBS).join(", ")} (--help).`);
  const known: readonly string[] = VERBS[verb].flags;
  for (const name of Object.keys(TOKEN_FLAGS)) {
    if (flags[name] !== undefined && !known.includes(name)) {
      throw wrong(`--${name} means nothing with ${verb}.`);
    }
  }
  const [id = ""] = words;
  if (words.length !== VERBS[verb].words || (words.length > 0 && !TOKEN_ID.test(id))) {
    const wanted = VERBS[verb].words === 0 ? "no word" : "the id of one token";
    throw wrong(`${verb} takes ${wanted}.`);
  }
  switch (verb) {
    case "list":
      return { verb };
    case "revoke":
      return { verb, id };
    case "rotate":
      return { verb, id, ...readEnd(flags, nowMs), overlapSeconds: readOverlap(flags) };
    case "create":
      return { verb, ...readRights(flags), ...readEnd(flags, nowMs) };
    default:
      return verb satisfies never;
  }
}

const TOKEN_ID = /^[0-9a-z]{12}$/;

function isVerb(text: string): text is keyof typeof VERBS {
  return Object.hasOwn(VERBS, text);
}

function readRights(flags: Flags) {
  const roles = readList(flags, "role", TOKEN_ROLES.length, (role) =>
    TOKEN_ROLES.some((known) => known === role),
  );
  const logs = readList(flags, "log", TOKEN_LOGS_MAX, isPattern);
  const networks = readList(flags, "network", TOKEN_NETWORKS_MAX, isNetwork);
  if (roles.length === 0) throw wrong(`--role is missing: one of ${TOKEN_ROLES.join(", ")}.`);
  if (logs.length === 0) throw wrong("--log is missing: a log's name, or a prefix and a *.");
  const description = textOf(flags, "description") ?? "";
  if (description.length > DESCRIPTION_CHARS_MAX) {
    throw wrong(`--description has more than ${DESCRIPTION_CHARS_MAX} characters.`);
  }
  return { roles, logs, networks, description };
}

function readList(
  flags: Flags,
  name: string,
  countMax: number,
  isRight: (text: string) => boolean,
): string[] {
  const texts = [...new Set((flags[name] as string[] | undefined) ?? [])];
  const bad = texts.find((text) => !isRight(text));
  if (bad !== undefined) throw wrong(`--${name} ${bad} is none.`);
  if (texts.length > countMax) throw wrong(`--${name} is there more than ${countMax} times.`);
  return texts;
}

function readEnd(flags: Flags, nowMs: number) {
  const text = textOf(flags, "expires");
  try {
    const expires_at = expiryOf(text === "never" ? null : text, nowMs);
    return { expires_at, out: textOf(flags, "out") ?? null };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw wrong(`--expires ${text} ${error.message}: 2027-01-31T00:00:00Z, or never.`);
  }
}

function readOverlap(flags: Flags): number {
  const text = textOf(flags, "overlap");
  if (text === undefined) return OVERLAP_SECONDS;
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= OVERLAP_SECONDS_MAX) return seconds;
  throw wrong(`--overlap must be whole seconds from 0 to ${OVERLAP_SECONDS_MAX} (30 days).`);
}

function textOf(flags: Flags, name: string): string | undefined {
  return flags[name] as string | undefined;
}

function wrong(problem: string): ConfigError {
  return new ConfigError("Command line:", problem);
}
