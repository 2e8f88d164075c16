/** What of a log is sealed, and how it is locked. */

export function Seals({ log }: { readonly log: string }) {
  return <h1>Seals of {log}</h1>;
}
