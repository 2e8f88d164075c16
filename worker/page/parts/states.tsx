/** What a view shows when it has nothing to show yet, or nothing at all, or when something failed. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { ApiProblem } from "../state/api.ts";
import type { Loaded } from "../state/load.ts";

const SLOW_MS = 5_000;

/** Grey rows of the height that the real ones have, so nothing jumps; after some seconds it is said that it takes long. */
export function Waiting({
  rows = 3,
  what = "Loading",
}: {
  readonly rows?: number;
  readonly what?: string;
}) {
  const [isSlow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="waiting" role="status" aria-label={what}>
      {isSlow && <p class="muted">{what}: the server takes its time…</p>}
      {Array.from({ length: rows }, (_, row) => (
        <div class="bone" key={row} />
      ))}
    </div>
  );
}

export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <p>
        <strong>{title}</strong>
      </p>
      {children}
    </div>
  );
}

/** Which part is away, by the code of the refusal, and what still holds. */
const STILL: Readonly<Record<string, string>> = {
  no_answer: "Nothing is known of the server now; what was shown last may be old.",
  index_unavailable:
    "The index did not answer. What is sealed lies in the vault all the same: npm run verify reads it there, npm run restore makes an index of it.",
  vault_unreachable:
    "The vault did not answer. Entries go on being taken; they are sealed once it is back.",
  entry_altered:
    "The index was changed behind the server, which does not show what it never took. Verify tells what the entry was: from its sealed batch.",
  frozen: "The log is frozen: it can be read, and takes no entry until somebody has looked.",
};

/** What is wrong, if anything is. */
export function Failed({
  problem,
  retry,
  what,
}: {
  readonly problem: ApiProblem | null;
  readonly retry?: () => void;
  readonly what?: string;
}) {
  if (problem === null) return null;
  return (
    <div class="failed" role="alert">
      <p>
        <strong>{what ?? "This could not be loaded"}.</strong> {STILL[problem.code] ?? ""}
      </p>
      <p class="muted">
        {problem.requestId !== null && "The server’s words: "}
        {problem.detail}
        {problem.requestId !== null && (
          <>
            {" "}
            · request <code>{problem.requestId}</code>
          </>
        )}
      </p>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Why something cannot be seen, or that it is on its way; nothing once it is there and well. */
export function Pending({
  of,
  rows,
  what,
  failed,
}: {
  readonly of: Loaded<unknown>;
  readonly rows: number;
  readonly what?: string;
  readonly failed?: string;
}) {
  if (of.problem !== null)
    return <Failed problem={of.problem} retry={of.reload} {...(failed && { what: failed })} />;
  return of.value === null ? <Waiting rows={rows} {...(what && { what })} /> : null;
}

/** A box of the page with a heading. */
export function Panel({
  title,
  id,
  aside,
  children,
}: {
  readonly title: string;
  readonly id: string;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  return (
    <section class="panel" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {aside !== undefined && <div>{aside}</div>}
      </header>
      {children}
    </section>
  );
}
