/** The page TryIt. */

export function TryIt() {
  return <h1>TryIt</h1>;
}
