/**
 * Times and numbers as people read them. Times are absolute, in UTC unless one chose otherwise, with the zone beside each;
 * `u` toggles, and the choice stands in the address so that two people look at the same hours.
 */
import { computed, signal } from "@preact/signals";
import { query, setQuery } from "./place.ts";

export type Zone = "utc" | "local";

export const zone = computed((): Zone => (query.value.get("tz") === "local" ? "local" : "utc"));

/** How far the server's clock is ahead of this browser's, told at the session's start. What is nearer than a minute is on its way. */
const serverAheadMs = signal(0);
const CLOCK_SLACK_MS = 60_000;

export function setServerNow(now: string): void {
  const aheadMs = Date.parse(now) - Date.now();
  serverAheadMs.value = Math.abs(aheadMs) < CLOCK_SLACK_MS ? 0 : aheadMs;
}

/** Now, by the server's clock: its times are told against it. */
export const serverNowMs = (): number => Date.now() + serverAheadMs.value;

/** What to say where the two clocks differ. */
export const clockWords = computed((): string | null => {
  const { value: aheadMs } = serverAheadMs;
  if (aheadMs === 0) return null;
  return `This browser’s clock is ${formatSpan(aheadMs)} ${aheadMs > 0 ? "behind" : "ahead of"} the server’s.`;
});

export function toggleZone(): void {
  setQuery({ tz: zone.value === "utc" ? "local" : null }, true);
}

/** The zone's name for a header: `UTC`, or `Europe/Berlin`. */
export function zoneName(shown: Zone): string {
  return shown === "utc" ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone;
}

const two = (value: number): string => String(value).padStart(2, "0");

/** `2026-11-22 22:20:31Z`, or with the offset in the reader's zone; `ms`: to the millisecond. What is no time comes back as it is. */
export function formatTime(time: string | number, shown: Zone, ms = false): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  const minutes = shown === "utc" ? 0 : -date.getTimezoneOffset();
  const there = new Date(date.getTime() + minutes * 60_000).toISOString();
  const text = `${there.slice(0, 10)} ${there.slice(11, ms ? 23 : 19)}`;
  if (shown === "utc") return `${text}Z`;
  const size = Math.abs(minutes);
  return `${text}${minutes < 0 ? "−" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** `2033-11-22` in the zone. */
export function formatDay(time: string | number, shown: Zone): string {
  return formatTime(time, shown).slice(0, 10);
}

const UNITS: readonly (readonly [seconds: number, one: string])[] = [
  [31_557_600, "year"],
  [2_629_800, "month"],
  [86_400, "day"],
  [3_600, "hour"],
  [60, "minute"],
  [1, "second"],
];

/** `3 minutes`, in the largest unit of which there are at least two, or one. */
export function formatSpan(ms: number): string {
  const seconds = Math.abs(ms) / 1_000;
  if (seconds < 1) return `${Math.round(Math.abs(ms))} ms`;
  const [size, one] = UNITS.find(([size]) => seconds >= size) ?? [1, "second"];
  const count = Math.round(seconds / size);
  return `${formatCount(count)} ${one}${count === 1 ? "" : "s"}`;
}

/** `3 minutes ago`, `in 7 years`, `just now`. */
export function formatRelative(time: string | number, nowMs = serverNowMs()): string {
  const ms = new Date(time).getTime() - nowMs;
  if (Math.abs(ms) < 1_000) return "just now";
  return ms < 0 ? `${formatSpan(ms)} ago` : `in ${formatSpan(ms)}`;
}

const counting = new Intl.NumberFormat("en");
/** `48,211`. */
export function formatCount(count: number): string {
  return counting.format(count);
}

/** `1.1 MiB`. */
export function formatBytes(bytes: number): string {
  const steps = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let step = 0;
  while (value >= 1_024 && step < steps.length - 1) {
    value /= 1_024;
    step += 1;
  }
  return `${value >= 100 || step === 0 ? Math.round(value) : value.toFixed(1)} ${steps[step]}`;
}
