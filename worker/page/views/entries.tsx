/** The entries of a log: search, a page of rows, and the open entry beside them. */
import { useEffect, useRef, useState } from "preact/hooks";
import { COLUMN_WORDS, COLUMNS, columns, toggleColumn } from "../entries/columns.ts";
import { Completeness } from "../entries/completeness.tsx";
import { Counts } from "../entries/counts.tsx";
import { Drawer } from "../entries/drawer.tsx";
import { ExportMenu } from "../entries/export-menu.tsx";
import { clearFilter, hasFilter, SearchBox } from "../entries/search-box.tsx";
import { EntryTable } from "../entries/table.tsx";
import {
  isBadSearch,
  PAGE_ROWS,
  useEntries,
  useSeals,
  type EntriesShown,
  type Live,
} from "../entries/use-entries.ts";
import { Link } from "../parts/link.tsx";
import { Empty, Failed, Waiting } from "../parts/states.tsx";
import { Foreign } from "../parts/text.tsx";
import type { LogItem } from "../state/answers.ts";
import { announce } from "../state/announce.ts";
import { logPath } from "../state/api.ts";
import { useKeys } from "../state/keys.ts";
import { useJson } from "../state/load.ts";
import { hrefOf, query } from "../state/place.ts";
import { may } from "../state/session.ts";
import { formatCount } from "../state/time.ts";

export function Entries({ log, seq }: { readonly log: string; readonly seq: number | null }) {
  const path = logPath(log);
  const facts = useJson<LogItem>(path);
  const shown = useEntries(log, seq);
  const seals = useSeals(log, shown.items);
  useRowKeys(seq !== null);
  const { page, items, live } = shown;
  const size = facts.value === null ? null : Math.max(facts.value.size, (items[0]?.seq ?? -1) + 1);
  return (
    <div class={seq === null ? "entries-view" : "entries-view with-drawer"}>
      <div class="list">
        <h1>
          Entries of <Foreign text={log} />
        </h1>
        {facts.value !== null && facts.value.description !== "" && (
          <p class="muted">
            <Foreign text={facts.value.description} />
          </p>
        )}
        {facts.value?.trouble && (
          <p class="note bad">
            {facts.value.trouble.code.replaceAll("_", " ")}: {facts.value.trouble.detail}
          </p>
        )}
        <SearchBox />
        {seq === null && <Counts log={log} size={facts.value?.size ?? null} />}
        {may(log, "auditor") && <Completeness log={log} />}
        <div class="row bar">
          <LiveButton live={live} isAnchored={shown.isAnchored} />
          <Columns />
          {may(log, "auditor") && <ExportMenu log={log} />}
          <Unsealed facts={facts.value} />
        </div>
        <Waiters live={live} />
        <Body log={log} seq={seq} shown={shown} seals={seals} total={facts.value?.size ?? null} />
        {page.value !== null && items.length > 0 && (
          <Pager next={page.value.next_cursor} shown={shown} />
        )}
      </div>
      {seq !== null && <Drawer log={log} seq={seq} size={size} />}
    </div>
  );
}

interface BodyProps {
  readonly log: string;
  readonly seq: number | null;
  readonly shown: EntriesShown;
  readonly seals: Parameters<typeof EntryTable>[0]["seals"];
  readonly total: number | null;
}

function Body({ log, seq, shown, seals, total }: BodyProps) {
  const { page, items } = shown;
  if (page.problem !== null && items.length === 0) {
    const what = isBadSearch(page.problem)
      ? "This search is not understood"
      : "The entries could not be loaded";
    return (
      <>
        <Failed problem={page.problem} what={what} retry={page.reload} />
        {(hasFilter() || query.value.has("cursor")) && (
          <button type="button" onClick={clearFilter}>
            Show all entries
          </button>
        )}
      </>
    );
  }
  if (page.value === null) return <Waiting rows={12} what="Loading entries" />;
  if (items.length === 0) return <Nothing total={total} to={page.value.searched_to ?? null} />;
  return (
    <div aria-busy={page.isLoading}>
      <EntryTable log={log} items={items} seals={seals} open={seq} />
    </div>
  );
}

function Nothing({ total, to }: { readonly total: number | null; readonly to: number | null }) {
  if (!hasFilter()) {
    return (
      <Empty title="No entries yet">
        <p>
          <Link href={hrefOf({ name: "try" })}>Try it</Link>, or send one:{" "}
          <code>POST /v1/logs/…/entries</code>
        </p>
      </Empty>
    );
  }
  return (
    <Empty title={`0 of ${total === null ? "all" : formatCount(total)} match`}>
      <p>
        Searched: action, actor, targets, outcome, time; words in names, ids and details
        {to !== null && ` of the first ${formatCount(to)} entries`}. Not searched: addresses, salts,
        hashes.
      </p>
      <button type="button" onClick={clearFilter}>
        Clear the filter
      </button>
    </Empty>
  );
}

function Pager({ next, shown }: { readonly next: string | null; readonly shown: EntriesShown }) {
  const here = hrefHere;
  return (
    <nav class="row pager" aria-label="More entries">
      {query.value.has("cursor") && <Link href={here({ cursor: null })}>⇤ First page</Link>}
      {shown.isAnchored && !query.value.has("cursor") && (
        <button type="button" onClick={shown.toTop}>
          ⇤ Newest
        </button>
      )}
      {next !== null && <Link href={here({ cursor: next })}>Next {PAGE_ROWS} ›</Link>}
      {!query.value.has("cursor") && (
        <Link href={here({ order: query.value.get("order") === "asc" ? null : "asc" })}>
          {query.value.get("order") === "asc" ? "Newest first" : "Oldest first"}
        </Link>
      )}
    </nav>
  );
}

function hrefHere(changes: Record<string, string | null>): string {
  const [, log = ""] = /^\/logs\/([^/]+)/.exec(location.pathname) ?? [];
  return hrefOf(
    { name: "entries", log: decodeURIComponent(log), seq: null },
    { show: null, ...changes },
    true,
  );
}

function LiveButton({ live, isAnchored }: { readonly live: Live; readonly isAnchored: boolean }) {
  const isPaged = isAnchored || query.value.has("cursor") || query.value.get("order") === "asc";
  const title = isPaged
    ? "Live is on the first page, newest first"
    : "Looks for new entries every 2 seconds; each look is on record";
  return (
    <button
      type="button"
      aria-pressed={live.isOn}
      disabled={isPaged}
      onClick={live.toggle}
      title={title}
    >
      Live {live.isOn ? "■" : "▸"}
    </button>
  );
}

/** New rows wait here; nothing moves until somebody wants them. */
function Waiters({ live }: { readonly live: Live }) {
  const count = live.waiting.length;
  const said = useRef(0);
  useEffect(() => {
    if (count > 0 && said.current === 0) announce("New entries wait");
    said.current = count;
  }, [count]);
  return (
    <div class="waiters">
      {live.isOn && count > 0 && (
        <button type="button" class="main" onClick={live.take}>
          {count >= PAGE_ROWS ? `${PAGE_ROWS} or more` : count} new
        </button>
      )}
    </div>
  );
}

function Columns() {
  const [isOpen, setOpen] = useState(false);
  return (
    <div class="menu">
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        Columns
      </button>
      {isOpen && (
        <fieldset>
          <legend>Columns</legend>
          {COLUMNS.map((name) => (
            <label class="check" key={name}>
              <input
                type="checkbox"
                checked={columns.value.includes(name)}
                onChange={() => toggleColumn(name)}
              />
              {COLUMN_WORDS[name]}
            </label>
          ))}
        </fieldset>
      )}
    </div>
  );
}

function Unsealed({ facts }: { readonly facts: LogItem | null }) {
  if (facts === null) return null;
  const count = facts.size - facts.sealed_size;
  return (
    <span class="muted end">
      {formatCount(facts.size)} entries
      {count > 0 && <span class="unsealed"> · {formatCount(count)} not sealed</span>}
    </span>
  );
}

/** j and k, or the arrows, go from row to row; Enter opens, as on every link. */
function useRowKeys(hasDrawer: boolean): void {
  const move = (by: number) => {
    const links = [...document.querySelectorAll<HTMLElement>("table.entries tbody th a")];
    const at = links.indexOf(document.activeElement as HTMLElement);
    links[at < 0 ? 0 : Math.min(Math.max(at + by, 0), links.length - 1)]?.focus();
  };
  useKeys(
    hasDrawer
      ? []
      : [
          { keys: "j", does: "The next row", run: () => move(1) },
          { keys: "k", does: "The row before", run: () => move(-1) },
          { keys: "ArrowDown", does: "The next row", run: () => move(1) },
          { keys: "ArrowUp", does: "The row before", run: () => move(-1) },
        ],
    [hasDrawer],
  );
}
