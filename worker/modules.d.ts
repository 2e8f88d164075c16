/** Text files that the bundle carries (`rules` in wrangler.toml). */
declare module "*.md" {
  const text: string;
  export default text;
}

declare module "*.txt" {
  const text: string;
  export default text;
}
