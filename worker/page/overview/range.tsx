/** The range of time that is looked at: presets, two fields, and the address that says the same. */
import { query, setQuery } from "../state/place.ts";
import { formatTime, zone } from "../state/time.ts";

const HOUR = 3_600_000;
const PRESETS: readonly (readonly [name: string, ms: number])[] = [
  ["1h", HOUR],
  ["24h", 24 * HOUR],
  ["7d", 168 * HOUR],
  ["30d", 720 * HOUR],
];

/** `since` and `until` of the address, as they stand. */
export function rangeOf(): { readonly since: string | null; readonly until: string | null } {
  const isTime = (text: string | null): text is string =>
    text !== null && !Number.isNaN(Date.parse(text));
  const [since, until] = [query.value.get("since"), query.value.get("until")];
  return { since: isTime(since) ? since : null, until: isTime(until) ? until : null };
}

export function setRange(sinceMs: number | null, untilMs: number | null): void {
  const text = (ms: number | null): string | null =>
    ms === null ? null : new Date(ms).toISOString();
  setQuery({ since: text(sinceMs), until: text(untilMs), last: null });
}

export function Range() {
  const { since, until } = rangeOf();
  const last = query.value.get("last");
  return (
    <div class="row range">
      <div class="row" role="group" aria-label="Range">
        {PRESETS.map(([name]) => (
          <button
            type="button"
            key={name}
            class="small"
            aria-pressed={last === name}
            onClick={() => setQuery({ last: name, since: null, until: null })}
          >
            {name}
          </button>
        ))}
        <button
          type="button"
          class="small"
          aria-pressed={last === null && since === null && until === null}
          onClick={() => setQuery({ last: null, since: null, until: null })}
        >
          all
        </button>
      </div>
      <Field
        name="From"
        value={since}
        set={(ms) => setRange(ms, until === null ? null : Date.parse(until))}
      />
      <Field
        name="To"
        value={until}
        set={(ms) => setRange(since === null ? null : Date.parse(since), ms)}
      />
    </div>
  );
}

/** What `?last=` means now; null for another word. */
export function presetMs(name: string | null): number | null {
  return PRESETS.find(([known]) => known === name)?.[1] ?? null;
}

/** The field speaks in the shown zone; what it means is kept as an instant. */
function Field({
  name,
  value,
  set,
}: {
  readonly name: string;
  readonly value: string | null;
  readonly set: (ms: number | null) => void;
}) {
  const shown = value === null ? "" : formatTime(value, zone.value).slice(0, 19).replace(" ", "T");
  const read = (text: string): void => {
    if (text === "") return set(null);
    const ms = Date.parse(zone.value === "utc" ? `${text}Z` : text);
    if (!Number.isNaN(ms)) set(ms);
  };
  return (
    <label class="row">
      {name}{" "}
      <input
        type="datetime-local"
        step="1"
        value={shown}
        onChange={(event) => read(event.currentTarget.value)}
      />
    </label>
  );
}
