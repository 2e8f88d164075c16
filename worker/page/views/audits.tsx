/** The page Audits. */

export function Audits() {
  return <h1>Audits</h1>;
}
