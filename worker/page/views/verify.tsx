/** Checking here, in this browser: a whole log, a part, a seal, or a file; and what the page remembers and trusts. */
import { useEffect, useState } from "preact/hooks";
import { Foreign, WhereFrom } from "../parts/text.tsx";
import { query, setQuery } from "../state/place.ts";
import { currentLog, may } from "../state/session.ts";
import { pauseRun, run, startRun, stopRun } from "../state/verifier.ts";
import { useKeys } from "../state/keys.ts";
import type { Scope } from "../verify/log-check.ts";
import { DropFiles } from "../verdict/drop-files.tsx";
import { KeyPanel } from "../verdict/key-panel.tsx";
import { RunPanel } from "../verdict/run-panel.tsx";

const WAYS = {
  everything: "Everything",
  range: "Range",
  seal: "One seal",
  file: "Drop a file",
} as const;
type Way = keyof typeof WAYS;

export function Verify() {
  const log = currentLog.value;
  const canRead = log !== null && may(log, "reader", "auditor");
  const way = wayOf(query.value, canRead);
  const choose = (next: Way) => setQuery({ way: next, from: null, to: null, seal: null }, true);
  return (
    <>
      <h1>
        Verify
        {canRead && (
          <>
            {" "}
            <Foreign text={log} />
          </>
        )}
      </h1>
      <p class="note">
        <WhereFrom />
      </p>
      <div class="tabs" role="group" aria-label="What to check">
        {(Object.keys(WAYS) as Way[]).map((name) => (
          <button
            type="button"
            key={name}
            aria-pressed={way === name}
            disabled={!canRead && name !== "file"}
            onClick={() => choose(name)}
          >
            {WAYS[name]}
          </button>
        ))}
      </div>
      {!canRead && (
        <p class="muted">
          Signed out, or without a log to read: files can be checked all the same.
        </p>
      )}
      {way === "file" && <DropFiles />}
      {way !== "file" && canRead && (
        <>
          <Controls log={log} way={way} />
          {run.value !== null && run.value.log === log && <RunPanel run={run.value} />}
          <KeyPanel log={log} />
        </>
      )}
    </>
  );
}

function wayOf(place: URLSearchParams, canRead: boolean): Way {
  const way = place.get("way");
  if (!canRead || way === "file") return "file";
  if (place.has("seal") || way === "seal") return "seal";
  return place.has("from") || way === "range" ? "range" : "everything";
}

function Controls({ log, way }: { readonly log: string; readonly way: Exclude<Way, "file"> }) {
  const [from, setFrom] = useState(query.value.get("from") ?? query.value.get("seal") ?? "0");
  const [to, setTo] = useState(query.value.get("to") ?? "0");
  useEffect(() => {
    setFrom(query.value.get("from") ?? query.value.get("seal") ?? "0");
    setTo(query.value.get("to") ?? query.value.get("from") ?? "0");
  }, [way]);
  const scope = scopeOf(way, from, to);
  const status = run.value?.log === log ? run.value.status : null;
  const isRunning = status === "running" || status === "paused";
  const start = (flip: number | null = null) => {
    if (scope === null) return;
    if (way === "range") setQuery({ from, to }, true);
    if (way === "seal") setQuery({ seal: from }, true);
    startRun(log, scope, flip);
  };
  useKeys([{ keys: "v", does: "Verify here", run: () => start() }], [way, from, to]);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    start();
  };
  const number = (label: string, value: string, set: (value: string) => void) => (
    <label class="inline">
      {label}{" "}
      <input
        inputMode="numeric"
        pattern="[0-9]+"
        size={10}
        value={value}
        onInput={(event) => set(event.currentTarget.value.trim())}
      />
    </label>
  );
  const checked = run.value?.log === log ? run.value.verdict : null;
  return (
    <form class="row" onSubmit={submit}>
      {way === "range" && number("From entry", from, setFrom)}
      {way === "range" && number("to entry", to, setTo)}
      {way === "seal" && number("The seal that holds entry", from, setFrom)}
      {!isRunning && (
        <button type="submit" class="main" disabled={scope === null}>
          Verify here
        </button>
      )}
      {isRunning && (
        <>
          <button type="button" onClick={() => pauseRun(status === "running")}>
            {status === "paused" ? "Go on" : "Pause"}
          </button>
          <button type="button" onClick={stopRun}>
            Stop
          </button>
        </>
      )}
      {!isRunning && checked !== null && checked.size > 0 && (
        <button
          type="button"
          onClick={() => start(flipSeq(scope, checked.size))}
          title="Changes a copy in this browser's memory; nothing is sent"
        >
          Flip one character
        </button>
      )}
    </form>
  );
}

/** An entry in the middle of what is checked. */
function flipSeq(scope: Scope | null, size: number): number {
  return scope?.kind === "range" ? Math.min(scope.first, size - 1) : Math.floor(size / 2);
}

function scopeOf(way: Way, from: string, to: string): Scope | null {
  if (way === "everything") return { kind: "everything" };
  const [first, last] = [seqOf(from), seqOf(way === "seal" ? from : to)];
  return first === null || last === null || last < first ? null : { kind: "range", first, last };
}

function seqOf(text: string): number | null {
  const seq = Number(text);
  return /^[0-9]{1,16}$/.test(text) && Number.isSafeInteger(seq) ? seq : null;
}
