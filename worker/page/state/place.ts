/**
 * Where somebody is: the address is the whole state that is worth sharing, so a copied link shows the same screen. Filters,
 * range, zone and the log stand in the query; which entry is open stands in the path.
 */
import { computed, signal } from "@preact/signals";

export type View =
  | { readonly name: "overview" | "verify" | "audits" | "access" | "try" | "unknown" }
  | { readonly name: "entries"; readonly log: string; readonly seq: number | null }
  | { readonly name: "seals"; readonly log: string };

interface Place {
  readonly path: string;
  readonly query: URLSearchParams;
}

/** Names of the query that go along from page to page. */
const LASTING = ["log", "tz"];

const place = signal<Place>(read());
addEventListener("popstate", () => (place.value = read()));

function read(): Place {
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}

/** What is shown, from the path. */
export const view = computed(() => viewOf(place.value.path));
/** What stands after the `?`. */
export const query = computed(() => place.value.query);

const SIMPLE = {
  "/": "overview",
  "/verify": "verify",
  "/audits": "audits",
  "/access": "access",
  "/try": "try",
} as const;

/** The view at a path; its inverse is `pathOf`. */
export function viewOf(path: string): View {
  const simple = Object.hasOwn(SIMPLE, path) ? SIMPLE[path as keyof typeof SIMPLE] : undefined;
  if (simple !== undefined) return { name: simple };
  const [, log = "", rest = ""] = /^\/logs\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  if (log === "") return { name: "unknown" };
  const name = decode(log);
  if (rest === "") return { name: "entries", log: name, seq: null };
  if (rest === "/seals") return { name: "seals", log: name };
  const seq = Number(/^\/entries\/(0|[1-9][0-9]{0,15})$/.exec(rest)?.[1]);
  return Number.isSafeInteger(seq) ? { name: "entries", log: name, seq } : { name: "unknown" };
}

export function pathOf(to: View): string {
  switch (to.name) {
    case "entries": {
      const base = `/logs/${encodeURIComponent(to.log)}`;
      return to.seq === null ? base : `${base}/entries/${to.seq}`;
    }
    case "seals":
      return `/logs/${encodeURIComponent(to.log)}/seals`;
    case "overview":
    case "unknown":
      return "/";
    case "verify":
    case "audits":
    case "access":
    case "try":
      return `/${to.name}`;
    default:
      return to satisfies never;
  }
}

/** A link to a view. `changes`: names of the query to set, or with null to leave out; `keep`: all others stay, not only the lasting ones. */
export function hrefOf(to: View, changes: Changes = {}, keep = false): string {
  const next = new URLSearchParams();
  for (const [name, value] of place.value.query) {
    if (keep || LASTING.includes(name)) next.append(name, value);
  }
  change(next, changes);
  // The path names the log already.
  if ("log" in to) next.delete("log");
  const text = next.toString();
  return pathOf(to) + (text === "" ? "" : `?${text}`);
}

export type Changes = Readonly<Record<string, string | null>>;

/** Goes there. `replace`: Back does not lead here again. */
export function go(href: string, replace = false): void {
  if (href === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  place.value = read();
}

/** Changes the query and stays: for filters, ranges, zones. */
export function setQuery(changes: Changes, replace = false): void {
  go(hrefOf(view.value, changes, true), replace);
}

function change(query: URLSearchParams, changes: Changes): void {
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
