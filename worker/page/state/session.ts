/**
 * Who is signed in, and what they may. The token never stays here: it is swapped for a cookie that no script can read. A
 * link's secret stands in the fragment, which browsers send to nobody, and is taken out of the address at once.
 */
import { computed, signal } from "@preact/signals";
import { ApiProblem, getJson, send, whenSignedOut } from "./api.ts";
import { kept, keep } from "./kept.ts";
import { query, setQuery, view } from "./place.ts";
import { setServerNow } from "./time.ts";

export type Role = "writer" | "reader" | "auditor" | "admin";

export interface SessionAnswer {
  /** The server's clock. */
  readonly now: string;
  readonly signed_in: boolean;
  readonly expires_at: string | null;
  readonly tokens: readonly {
    readonly id: string;
    readonly roles: readonly Role[];
    readonly logs: readonly string[];
    readonly expires_at: string | null;
  }[];
  /** Logs that are there, with what one may do in each. */
  readonly logs: readonly { readonly name: string; readonly roles: readonly Role[] }[];
  /** Ways to cheat that are offered for trying out; null in production. */
  readonly cheats: { readonly log: string; readonly ways: readonly string[] } | null;
}

/** `null`: not known yet. */
export const session = signal<SessionAnswer | null>(null);
/** Why signing in did not work, or why the page itself is of no use. */
export const sessionProblem = signal<ApiProblem | null>(null);

export const roles = computed(
  () => new Set((session.value?.tokens ?? []).flatMap((token) => token.roles)),
);
/** Logs whose entries one may see. */
export const readable = computed(() =>
  (session.value?.logs ?? []).filter(
    ({ roles }) => roles.includes("reader") || roles.includes("auditor"),
  ),
);

/** True where one of the roles holds for this log. */
export function may(log: string, ...wanted: readonly Role[]): boolean {
  const found = session.value?.logs.find(({ name }) => name === log);
  return found?.roles.some((role) => wanted.includes(role)) ?? false;
}

export const isAdmin = computed(() => roles.value.has("admin"));

/** The log that pages are about: that of the path, of `?log=`, the one chosen last, or the first. */
export const currentLog = computed((): string | null => {
  const { value: shown } = view;
  if ("log" in shown) return shown.log;
  const names = readable.value.map(({ name }) => name);
  for (const name of [query.value.get("log"), kept("log"), "demo"]) {
    if (name !== null && names.includes(name)) return name;
  }
  return names.find((name) => !name.startsWith("_")) ?? names[0] ?? null;
});

export function chooseLog(log: string): void {
  keep("log", log);
  setQuery({ log });
}

whenSignedOut(() => void loadSession());

/** Asks who one is. */
export async function loadSession(): Promise<void> {
  try {
    take(await getJson<SessionAnswer>("/v1/session"));
  } catch (error) {
    sessionProblem.value = problemOf(error);
  }
}

/** Takes the link's secret out of the address and swaps it; without one asks who one is. */
export async function startSession(): Promise<void> {
  const link = /^#link=([A-Za-z0-9_-]{20,100})$/.exec(location.hash)?.[1];
  if (link === undefined) return loadSession();
  history.replaceState(null, "", location.pathname + location.search);
  if (await signIn({ link })) return;
  const { value: problem } = sessionProblem;
  await loadSession();
  // A link that was used already is no harm where one is signed in.
  if (session.value?.signed_in === false) sessionProblem.value = problem;
}

/** With a link's secret, or a token. False, and `sessionProblem` says why, where it does not work. */
export async function signIn(
  with_: { readonly link: string } | { readonly token: string },
): Promise<boolean> {
  try {
    take(await send<SessionAnswer>("POST", "/v1/session", with_));
    return true;
  } catch (error) {
    sessionProblem.value = problemOf(error);
    return false;
  }
}

function take(answer: SessionAnswer): void {
  setServerNow(answer.now);
  session.value = answer;
  sessionProblem.value = null;
}

const problemOf = (error: unknown): ApiProblem =>
  error instanceof ApiProblem ? error : new ApiProblem(0, "page", String(error));

export async function signOut(): Promise<void> {
  await send("DELETE", "/v1/session");
  await loadSession();
}
