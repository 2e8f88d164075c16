/** Seals as dots on the time they were made (area: entries; colour and shape: the lock), and how many locks end in which year. The same numbers as tables. */
import { useState } from "preact/hooks";
import { Row, Table } from "../parts/table.tsx";
import type { SealItem } from "../state/answers.ts";
import { formatCount, formatTime, zone, zoneName } from "../state/time.ts";
import type { LockState } from "./lock-state.ts";

const WIDTH = 720;
const HEIGHT = 76;
const PAD = 14;
const BAR_HEIGHT = 90;

interface PicturesProps {
  readonly seals: readonly SealItem[];
  /** By first seq; what the store has not yet said is not there. */
  readonly states: ReadonlyMap<number, LockState>;
}

export function Pictures({ seals, states }: PicturesProps) {
  const [isTable, setTable] = useState(false);
  const years = yearsOf(seals);
  return (
    <section class="panel pictures" aria-labelledby="seals-over-time">
      <header>
        <h2 id="seals-over-time">The seals on this page over time</h2>
        <button
          type="button"
          class="small"
          aria-pressed={isTable}
          onClick={() => setTable(!isTable)}
        >
          Show as table
        </button>
      </header>
      {isTable ? (
        <YearTable years={years} />
      ) : (
        <div class="charts">
          <TimeLine seals={seals} states={states} />
          <YearBars years={years} />
        </div>
      )}
    </section>
  );
}

function TimeLine({ seals, states }: PicturesProps) {
  const times = seals.map(({ sealed_at }) => Date.parse(sealed_at));
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const most = Math.max(...seals.map(({ count }) => count));
  const x = (ms: number): number =>
    to === from ? WIDTH / 2 : PAD + ((ms - from) / (to - from)) * (WIDTH - 2 * PAD);
  const label = `${seals.length} seals from ${formatTime(from, zone.value)} to ${formatTime(to, zone.value)}`;
  return (
    <svg class="chart" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      <line class="axis" x1={PAD} x2={WIDTH - PAD} y1="30" y2="30" />
      {seals.map((seal, i) => {
        const tone = states.get(seal.first)?.tone ?? "plain";
        const radius = 4 + 8 * Math.sqrt(seal.count / most);
        const title = `${formatCount(seal.count)} entries from ${formatCount(seal.first)} on`;
        const cx = x(times[i]!);
        return tone === "bad" ? (
          <rect
            key={seal.first}
            class="dot bad"
            x={cx - radius}
            y={30 - radius}
            width={2 * radius}
            height={2 * radius}
          >
            <title>{title}</title>
          </rect>
        ) : (
          <circle key={seal.first} class={`dot ${tone}`} cx={cx} cy="30" r={radius}>
            <title>{title}</title>
          </circle>
        );
      })}
      <text x={PAD} y={HEIGHT - 8}>
        {formatTime(from, zone.value)}
      </text>
      {to !== from && (
        <text x={WIDTH - PAD} y={HEIGHT - 8} text-anchor="end">
          {formatTime(to, zone.value)} {zoneName(zone.value)}
        </text>
      )}
    </svg>
  );
}

interface Year {
  readonly year: string;
  readonly seals: number;
  readonly entries: number;
}

function yearsOf(seals: readonly SealItem[]): Year[] {
  const found = new Map<string, Year>();
  for (const { retain_until: until, count } of seals) {
    const year = until.slice(0, 4);
    const { seals: n, entries } = found.get(year) ?? { seals: 0, entries: 0 };
    found.set(year, { year, seals: n + 1, entries: entries + count });
  }
  return [...found.values()].sort((a, b) => (a.year < b.year ? -1 : 1));
}

function YearBars({ years }: { readonly years: readonly Year[] }) {
  const most = Math.max(...years.map(({ seals }) => seals));
  const step = Math.min(90, (WIDTH - 2 * PAD) / years.length);
  return (
    <svg
      class="chart"
      viewBox={`0 0 ${WIDTH} ${BAR_HEIGHT}`}
      role="img"
      aria-label="Locks that end, by year"
    >
      {years.map(({ year, seals }, i) => {
        const height = Math.max(3, (seals / most) * (BAR_HEIGHT - 44));
        const x = PAD + i * step;
        return (
          <g key={year}>
            <rect
              class="bar"
              x={x}
              y={BAR_HEIGHT - 22 - height}
              width={Math.max(6, step - 12)}
              height={height}
            />
            <text x={x} y={BAR_HEIGHT - 8}>
              {year}
            </text>
            <text x={x} y={BAR_HEIGHT - 26 - height}>
              {formatCount(seals)}
            </text>
          </g>
        );
      })}
    </svg>
  );
}

const YEAR_COLUMNS = ["Locks end in", ["Seals", "count"], ["Entries", "count"]] as const;

function YearTable({ years }: { readonly years: readonly Year[] }) {
  return (
    <Table kind="" columns={YEAR_COLUMNS}>
      {years.map(({ year, seals, entries }) => (
        <Row
          key={year}
          columns={YEAR_COLUMNS}
          cells={[year, formatCount(seals), formatCount(entries)]}
        />
      ))}
    </Table>
  );
}
