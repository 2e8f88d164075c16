/** The bar at the top: which log, which page, the zone, light or dark, keys, and signing out. */
import { useEffect, useRef, useState } from "preact/hooks";
import { keep, kept } from "../state/kept.ts";
import { hrefOf, view, type View } from "../state/place.ts";
import {
  chooseLog,
  currentLog,
  isAdmin,
  readable,
  roles,
  session,
  signOut,
} from "../state/session.ts";
import { toggleZone, zone, zoneName } from "../state/time.ts";
import { go } from "../state/place.ts";
import { Link } from "./link.tsx";

interface Tab {
  readonly title: string;
  readonly to: View;
}

const NEAREST = { block: "nearest", inline: "center" } as const;

/** A tab that one may not use is not there. */
export function tabs(): Tab[] {
  const log = currentLog.value;
  const isAuditor = roles.value.has("auditor");
  const found: (Tab | false)[] = [
    { title: "Overview", to: { name: "overview" } },
    log !== null && { title: "Entries", to: { name: "entries", log, seq: null } },
    log !== null && isAuditor && { title: "Seals", to: { name: "seals", log } },
    { title: "Verify", to: { name: "verify" } },
    isAuditor && { title: "Audits", to: { name: "audits" } },
    isAdmin.value && { title: "Access", to: { name: "access" } },
    roles.value.has("writer") && isAuditor && { title: "Try it", to: { name: "try" } },
  ];
  return found.filter((tab) => tab !== false);
}

export function TopBar({ showKeys }: { readonly showKeys: () => void }) {
  const nav = useRef<HTMLElement>(null);
  // On a phone the tabs are wider than the window.
  useEffect(
    () => nav.current?.querySelector("[aria-current]")?.scrollIntoView(NEAREST),
    [view.value.name, session.value],
  );
  return (
    <header class="top">
      <Link class="brand" href={hrefOf({ name: "overview" })}>
        <img src={ICON} width="22" height="22" alt="" /> Indelible
      </Link>
      {readable.value.length > 0 && <LogSwitch />}
      <nav aria-label="Pages" ref={nav}>
        {tabs().map(({ title, to }) => (
          <Link
            key={title}
            href={hrefOf(to)}
            aria-current={view.value.name === to.name ? "page" : undefined}
          >
            {title}
          </Link>
        ))}
      </nav>
      <div class="tools">
        <button
          type="button"
          class="plain"
          onClick={toggleZone}
          aria-label={`Times in ${zoneName(zone.value)}; change`}
          title="u"
        >
          {zone.value === "utc" ? "UTC" : "Local"}
        </button>
        <ThemeSwitch />
        <button type="button" class="plain" onClick={showKeys} aria-label="Keys and help" title="?">
          ?
        </button>
        {session.value?.signed_in && (
          <button type="button" class="plain" onClick={() => void signOut()}>
            Sign out
          </button>
        )}
      </div>
    </header>
  );
}

function LogSwitch() {
  const change = (log: string) => {
    const shown = view.value;
    if (shown.name === "entries") go(hrefOf({ name: "entries", log, seq: null }));
    else if (shown.name === "seals") go(hrefOf({ name: "seals", log }));
    else chooseLog(log);
    keep("log", log);
  };
  const names = readable.value.map(({ name }) => name);
  const current = currentLog.value ?? "";
  return (
    <select
      class="log"
      aria-label="Log"
      value={current}
      onChange={(event) => change(event.currentTarget.value)}
    >
      {(names.includes(current) ? names : [current, ...names]).map((name) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  );
}

const THEMES = ["system", "light", "dark"] as const;
const THEME_SIGNS = { system: "◐", light: "☀", dark: "☾" };

function ThemeSwitch() {
  const [theme, setTheme] = useState<(typeof THEMES)[number]>(
    () => THEMES.find((known) => known === kept("theme")) ?? "system",
  );
  useEffect(() => {
    if (theme === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
    keep("theme", theme === "system" ? null : theme);
  }, [theme]);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
  return (
    <button
      type="button"
      class="plain"
      aria-label={`Colours: ${theme}; change to ${next}`}
      onClick={() => setTheme(next)}
    >
      <span aria-hidden="true">{THEME_SIGNS[theme]}</span>
    </button>
  );
}
