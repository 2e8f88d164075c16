/** The entries of a log. */

export function Entries({ log, seq }: { readonly log: string; readonly seq: number | null }) {
  return (
    <h1>
      Entries of {log}
      {seq === null ? "" : `, entry ${seq}`}
    </h1>
  );
}
