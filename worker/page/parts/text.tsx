/**
 * Text that others wrote, times, and counts. Foreign text stands in `<bdi>`, so that it cannot turn its surroundings round,
 * and characters that would not be seen are shown by their number.
 */
import { formatRelative, formatTime, zone } from "../state/time.ts";

/** Controls, marks of direction, and what has no width: seen by nobody, and so fit to deceive. */
const UNSEEN =
  /[\p{Cc}\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

/** Text of somebody else's. `cut`: at most so many characters, with the whole on pointing at it. */
export function Foreign({ text, cut }: { readonly text: string; readonly cut?: number }) {
  const isCut = cut !== undefined && text.length > cut;
  const shown = isCut ? `${text.slice(0, cut).replace(/[\ud800-\udbff]$/, "")}…` : text;
  const parts: (string | preact.JSX.Element)[] = [];
  let from = 0;
  for (const { 0: mark, index } of shown.matchAll(UNSEEN)) {
    parts.push(
      shown.slice(from, index),
      <span class="unseen" data-is={nameOf(mark)}>
        {mark}
      </span>,
    );
    from = index + mark.length;
  }
  parts.push(shown.slice(from));
  return <bdi title={isCut ? text : undefined}>{parts}</bdi>;
}

function nameOf(mark: string): string {
  return `U+${mark.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** What nobody should forget who checks something here. */
export function WhereFrom() {
  return (
    <>
      This page came from the server that it checks: a server that lies could also send a page that
      lies. For an independent check run <code>npm run verify</code> on another machine, with a copy
      of the vault and a key that came another way.
    </>
  );
}

/** A time in the shown zone, or "never"; `relative`: how long ago beside it. */
export function Time({
  at,
  ms,
  relative,
}: {
  readonly at: string | null;
  readonly ms?: boolean;
  readonly relative?: boolean;
}) {
  if (at === null) return <>never</>;
  return (
    <time dateTime={at} class="num">
      {formatTime(at, zone.value, ms)}
      {relative && <span class="muted"> ({formatRelative(at)})</span>}
    </time>
  );
}
