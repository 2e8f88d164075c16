/**
 * Entries over time, counted by the server over the whole filter, with the seals on the same axis. A range is chosen by
 * dragging, by a click on a step, or by the fields and conditions beside it; and there is a table of the same numbers.
 */
import type { TargetedPointerEvent } from "preact";
import { useRef, useState } from "preact/hooks";
import { Row, Table } from "../parts/table.tsx";
import type { SealItem } from "../state/answers.ts";
import { formatCount, formatTime, zone } from "../state/time.ts";
import { marksBetween } from "./time-axis.ts";

export interface Bin {
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number;
}

interface HistogramProps {
  readonly bins: readonly Bin[];
  readonly seals: readonly SealItem[];
  readonly choose: (fromMs: number, toMs: number) => void;
}

const WIDTH = 1_000;
const HEIGHT = 120;
const SEALS = 18;
/** A date has ten characters; on a phone five of them have room. */
const MARKS_MAX = 5;

export function Histogram({ bins, seals, choose }: HistogramProps) {
  const svg = useRef<SVGSVGElement>(null);
  const [brush, setBrush] = useState<readonly [number, number] | null>(null);
  const fromMs = bins[0]?.fromMs ?? 0;
  const toMs = bins.at(-1)?.toMs ?? 1;
  const most = Math.max(1, ...bins.map(({ count }) => count));
  const x = (ms: number): number => (WIDTH * (ms - fromMs)) / (toMs - fromMs);
  const msAt = (event: TargetedPointerEvent<SVGSVGElement>): number => {
    const { left, width } = svg.current!.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - left) / width));
    return fromMs + share * (toMs - fromMs);
  };
  const end = (): void => {
    if (brush === null) return;
    const [a, b] = brush[0] < brush[1] ? brush : [brush[1], brush[0]];
    setBrush(null);
    // A click is a range of one bin.
    const bin = bins.find((known) => known.fromMs <= a && a < known.toMs);
    if (x(b) - x(a) > 4) choose(a, b);
    else if (bin !== undefined) choose(bin.fromMs, bin.toMs);
  };
  const total = bins.reduce((sum, { count }) => sum + count, 0);
  return (
    <figure class="histogram">
      <svg
        ref={svg}
        viewBox={`0 0 ${WIDTH} ${HEIGHT + SEALS}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${formatCount(total)} entries from ${formatTime(fromMs, zone.value)} to ${formatTime(toMs, zone.value)}, at most ${formatCount(most)} in one of ${bins.length} steps`}
        onPointerDown={(event) => {
          svg.current!.setPointerCapture(event.pointerId);
          const at = msAt(event);
          setBrush([at, at]);
        }}
        onPointerMove={(event) => brush !== null && setBrush([brush[0], msAt(event)])}
        onPointerUp={end}
        onPointerCancel={() => setBrush(null)}
      >
        {bins.map(({ fromMs: from, toMs: to, count }) => {
          const height = count === 0 ? 0 : Math.max(2, (HEIGHT * count) / most);
          return (
            <rect
              key={from}
              class="bin"
              x={x(from) + 0.5}
              width={Math.max(1, x(to) - x(from) - 1)}
              y={HEIGHT - height}
              height={height}
            >
              <title>{`${formatTime(from, zone.value)}: ${formatCount(count)}`}</title>
            </rect>
          );
        })}
        <line class="base" x1="0" x2={WIDTH} y1={HEIGHT} y2={HEIGHT} />
        {seals.map((seal) => {
          const at = Date.parse(seal.sealed_at);
          if (at < fromMs || at > toMs) return null;
          return (
            <rect
              key={seal.first}
              class="seal-mark"
              x={x(at) - 2}
              width="4"
              y={HEIGHT + 5}
              height="10"
            >
              <title>{`sealed ${formatTime(at, zone.value)}: entries ${seal.first}–${seal.first + seal.count - 1}`}</title>
            </rect>
          );
        })}
        {brush !== null && (
          <rect
            class="brush"
            x={Math.min(x(brush[0]), x(brush[1]))}
            width={Math.abs(x(brush[1]) - x(brush[0]))}
            y="0"
            height={HEIGHT}
          />
        )}
      </svg>
      <Axis fromMs={fromMs} toMs={toMs} />
      <figcaption class="muted">
        most in one step: {formatCount(most)}
        {seals.length > 0 && (
          <>
            {" "}
            · <span class="seal-key" aria-hidden="true" /> a seal
          </>
        )}{" "}
        · drag to choose a range
      </figcaption>
    </figure>
  );
}

function Axis({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }) {
  const marks = marksBetween(fromMs, toMs, MARKS_MAX, zone.value);
  return (
    <div class="axis" aria-hidden="true">
      {marks.map(({ atMs, text }) => (
        <span key={atMs} style={{ left: `${((atMs - fromMs) / (toMs - fromMs)) * 100}%` }}>
          {text}
        </span>
      ))}
    </div>
  );
}

const BIN_COLUMNS = ["From", "To", ["Entries", "count"]] as const;

export function BinTable({ bins }: { readonly bins: readonly Bin[] }) {
  return (
    <div class="scroll tall" tabIndex={0} role="region" aria-label="Entries over time as a table">
      <Table kind="" columns={BIN_COLUMNS}>
        {bins
          .filter(({ count }) => count > 0)
          .map(({ fromMs, toMs, count }) => (
            <Row
              key={fromMs}
              columns={BIN_COLUMNS}
              cells={[
                <span class="num">{formatTime(fromMs, zone.value)}</span>,
                <span class="num">{formatTime(toMs, zone.value)}</span>,
                formatCount(count),
              ]}
            />
          ))}
      </Table>
    </div>
  );
}
