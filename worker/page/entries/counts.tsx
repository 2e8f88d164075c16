/** How many entries the whole filter has, over time and by value, as the server counts them; each value is one click from being a condition. */
import { useState } from "preact/hooks";
import { BinTable, Histogram } from "../overview/histogram.tsx";
import { getStats } from "../overview/stats.ts";
import { setRange } from "../overview/range.tsx";
import { Foreign } from "../parts/text.tsx";
import { useLoad } from "../state/load.ts";
import { query, setQuery } from "../state/place.ts";
import { formatCount } from "../state/time.ts";
import { filterQuery } from "./search-box.tsx";

const VALUES_SHOWN = 6;
const VALUE_CHARS = 40;

/** `size`: of the log, so that the counts are made anew when it has grown. */
export function Counts({ log, size }: { readonly log: string; readonly size: number | null }) {
  const [asTable, setAsTable] = useState(false);
  const conditions = filterQuery();
  const key = size === null ? null : `${log} ${size} ${conditions.toString()}`;
  const { value, isLoading } = useLoad(key, (signal) => getStats(log, conditions, signal));
  // A search that is not understood says so where its entries would stand.
  if (value === null || value.total === 0) return null;
  const choose = (fromMs: number, toMs: number) => {
    setRange(fromMs, toMs);
    setQuery({ cursor: null }, true);
  };
  return (
    <details class="panel counts" open={query.value.get("counts") !== "off"}>
      <summary
        onClick={(event) => {
          event.preventDefault();
          setQuery({ counts: query.value.get("counts") === "off" ? null : "off" }, true);
        }}
      >
        <strong>{formatCount(value.total)}</strong> of {formatCount(value.searchedTo)} searched
      </summary>
      <div class="counted" aria-busy={isLoading}>
        <div>
          {asTable ? (
            <BinTable bins={value.bins} />
          ) : (
            <Histogram bins={value.bins} seals={[]} choose={choose} />
          )}
          <button
            type="button"
            class="small"
            aria-pressed={asTable}
            onClick={() => setAsTable(!asTable)}
          >
            Show as table
          </button>
        </div>
        <dl class="facets">
          {value.top.map(({ field, values }) => (
            <div key={field}>
              <dt>{field}</dt>
              <dd>
                {values.slice(0, VALUES_SHOWN).map(({ value: text, count }) => (
                  <button
                    type="button"
                    class="small"
                    key={text}
                    aria-pressed={query.value.get(field) === text}
                    onClick={() =>
                      setQuery({
                        [field]: query.value.get(field) === text ? null : text,
                        cursor: null,
                      })
                    }
                  >
                    <Foreign text={text} cut={VALUE_CHARS} />{" "}
                    <span class="muted">{formatCount(count)}</span>
                  </button>
                ))}
              </dd>
            </div>
          ))}
        </dl>
      </div>
    </details>
  );
}
