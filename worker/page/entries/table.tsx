/**
 * A page of entries as a real table: 100 rows, so that the browser's own search, copying and printing work. What stands in it is
 * the server's word, until a check of this browser speaks for the row; one that is not sealed says so and is never green.
 */
import { VerifiedBadge, type Verified } from "../parts/badge.tsx";
import { Link } from "../parts/link.tsx";
import { Foreign, Time } from "../parts/text.tsx";
import type { EntryItem, Party, SealItem } from "../state/answers.ts";
import { hrefOf } from "../state/place.ts";
import { formatCount, formatDay, zone, zoneName } from "../state/time.ts";
import { COLUMN_WORDS, columns, type Column } from "./columns.ts";
import { useRowBadges } from "./use-row-badges.ts";

const CELL_CHARS = 80;

interface TableProps {
  readonly log: string;
  readonly items: readonly EntryItem[];
  readonly seals: readonly SealItem[];
  /** The entry that is open beside it. */
  readonly open: number | null;
}

export function EntryTable({ log, items, seals, open }: TableProps) {
  const badges = useRowBadges(log, items);
  const shown = open === null ? columns.value : columns.value.filter((name) => BESIDE.has(name));
  return (
    <div class="scroll">
      <table class="cards entries">
        <thead>
          <tr>
            <th scope="col" class="count">
              #
            </th>
            <th scope="col">Time ({zoneName(zone.value)})</th>
            {shown.map((column) => (
              <th scope="col" key={column}>
                {COLUMN_WORDS[column]}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <EntryRow
              key={item.seq}
              log={log}
              item={item}
              shown={shown}
              seals={seals}
              badge={badges.get(item) ?? null}
              isOpen={item.seq === open}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What has room beside an open entry. */
const BESIDE: ReadonlySet<Column> = new Set(["actor", "action", "outcome"]);

interface RowProps {
  readonly shown: readonly Column[];
  readonly log: string;
  readonly item: EntryItem;
  readonly seals: readonly SealItem[];
  readonly badge: Verified | null;
  readonly isOpen: boolean;
}

function EntryRow({ log, item, shown, seals, badge, isOpen }: RowProps) {
  const { seq, entry } = item;
  return (
    <tr
      class={isOpen ? "open" : undefined}
      data-seq={seq}
      aria-current={isOpen ? "true" : undefined}
    >
      <th scope="row" class="count" data-name="Entry">
        <Link href={hrefOf({ name: "entries", log, seq }, {}, true)} class="num">
          {seq}
        </Link>
      </th>
      <td data-name="Time">
        <Time at={entry.time} />
      </td>
      {shown.map((column) => (
        <td key={column} data-name={COLUMN_WORDS[column]}>
          <Cell column={column} item={item} seals={seals} badge={badge} />
        </td>
      ))}
    </tr>
  );
}

function Cell({
  column,
  item,
  seals,
  badge,
}: Pick<RowProps, "item" | "seals" | "badge"> & { readonly column: Column }) {
  const { event, by } = item.entry;
  switch (column) {
    case "actor":
      return <PartyName of={event.actor} />;
    case "action":
      return <Foreign text={event.action} cut={CELL_CHARS} />;
    case "targets":
      return <Targets of={event.targets ?? []} />;
    case "outcome":
      return event.outcome === undefined ? (
        <span class="muted">–</span>
      ) : (
        <Foreign text={event.outcome} />
      );
    case "by":
      return <Foreign text={by} cut={CELL_CHARS} />;
    case "context":
      return <Foreign text={event.context?.["ip"] ?? "–"} cut={CELL_CHARS} />;
    case "state":
      return (
        <>
          {badge !== null && <VerifiedBadge is={badge} />} <SealState item={item} seals={seals} />
        </>
      );
    default:
      return column satisfies never;
  }
}

export function PartyName({ of }: { readonly of: Party }) {
  const { id, name } = of;
  return name === undefined || name === "" || name === id ? (
    <Foreign text={id} cut={CELL_CHARS} />
  ) : (
    <>
      <Foreign text={name} cut={CELL_CHARS} />{" "}
      <span class="muted">
        <Foreign text={id} cut={CELL_CHARS} />
      </span>
    </>
  );
}

function Targets({ of }: { readonly of: readonly Party[] }) {
  const [first, ...more] = of;
  if (first === undefined) return <span class="muted">–</span>;
  return (
    <>
      <PartyName of={first} />
      {more.length > 0 && <span class="muted"> and {more.length} more</span>}
    </>
  );
}

/** The seal that holds an entry, as far as it is among those that are known here. */
export function sealOf(seals: readonly SealItem[], seq: number): SealItem | null {
  return seals.find(({ first, count }) => seq >= first && seq < first + count) ?? null;
}

function SealState({
  item,
  seals,
}: {
  readonly item: EntryItem;
  readonly seals: readonly SealItem[];
}) {
  if (!item.sealed) return <span class="unsealed">not sealed</span>;
  const seal = sealOf(seals, item.seq);
  if (seal === null) return <span class="muted">sealed</span>;
  return (
    <span
      class="muted"
      title="The server says so. Open the entry, or Verify, to have it checked here."
    >
      seal <span class="num">{formatCount(seal.first)}</span> · until{" "}
      {formatDay(seal.retain_until, zone.value)}
    </span>
  );
}
