/** The filter on one line, and its conditions as pieces that can be taken away one by one. The address holds them, so a link is a saved search. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Foreign } from "../parts/text.tsx";
import { useKeys } from "../state/keys.ts";
import { query, setQuery } from "../state/place.ts";
import { formatLine, NAMES, parseLine } from "./query-line.ts";

const CONDITIONS = [...NAMES, "q"];

export function SearchBox() {
  const line = formatLine((name) => query.value.get(name));
  const [text, setText] = useState(line);
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => setText(line), [line]);
  useKeys([{ keys: "/", does: "Search", run: () => box.current?.focus() }], []);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    setQuery({ ...parseLine(text), cursor: null });
  };
  return (
    <search>
      <form class="search" onSubmit={submit}>
        <input
          ref={box}
          type="search"
          aria-label="Search entries"
          aria-describedby="search-help"
          placeholder="action:role.*  actor:ada  since:2026-11-01  words"
          spellcheck={false}
          autocomplete="off"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit">Search</button>
      </form>
      <p id="search-help" class="muted hint">
        Conditions: action (also role.*), actor, target, outcome, since, until; other words are
        looked for in names, ids and details.
      </p>
      <Pieces />
    </search>
  );
}

function Pieces() {
  const given = CONDITIONS.flatMap((name) => {
    const value = query.value.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  if (given.length === 0) return null;
  return (
    <ul class="pieces" aria-label="Conditions">
      {given.map(([name, value]) => (
        <li key={name}>
          <span class="muted">{name === "q" ? "words" : name}</span>{" "}
          <Foreign text={value} cut={60} />
          <button
            type="button"
            class="plain"
            aria-label={`Without ${name}`}
            onClick={() => setQuery({ [name]: null, cursor: null })}
          >
            ✕
          </button>
        </li>
      ))}
    </ul>
  );
}

/** True where the address asks for some entries only. */
export function hasFilter(): boolean {
  return CONDITIONS.some((name) => query.value.has(name));
}

/** The conditions as the API takes them. */
export function filterQuery(): URLSearchParams {
  const found = new URLSearchParams();
  for (const name of CONDITIONS) {
    const value = query.value.get(name);
    if (value !== null) found.set(name, value);
  }
  return found;
}

/** Leaves out every condition. */
export function clearFilter(): void {
  setQuery({ ...Object.fromEntries(CONDITIONS.map((name) => [name, null])), cursor: null });
}
