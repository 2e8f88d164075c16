/**
 * Two outputs of one example differ in what is new each time: hashes, times, signatures, versions, origins, addresses, speeds.
 * `shapeOf` puts a word in place of each, so that what is left can be compared.
 */

const CHANGING: readonly (readonly [pattern: RegExp, word: string])[] = [
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z/g, "<time>"],
  [/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/g, "<uuid>"],
  [/\b(?!0{64}\b)[0-9a-f]{64}\b/g, "<hash>"],
  [/\b[0-9a-f]{8}\.indelible\.local/g, "<origin>"],
  [/"by":"token:[0-9a-z]{12}"/g, '"by":"token:<id>"'],
  [/"salt":"[\w-]{22}"/g, '"salt":"<salt>"'],
  // 68 bytes: a key's id and its signature; 32: a root or a hash.
  [/(?<![\w+/=])[A-Za-z0-9+/]{91}=/g, "<signature>"],
  [/(?<![\w+/=])[A-Za-z0-9+/]{43}=/g, "<hash64>"],
  // In JSON a newline stands right before a root.
  [/\\n[A-Za-z0-9+/]{43}=/g, "\\n<hash64>"],
  [/\b127\.0\.0\.1:\d+/g, "<address>"],
  [/\b(?:[\d.]+ s, )?[\d,]+ entries\/s/g, "<speed>"],
  [/\b(?!0{16}\b)[0-9a-f]{16}\b(?!\.jsonl)/g, "<leaf>"],
  // Compressed, and right-aligned.
  [/ +(?!0 B)[\d.]+ k?B\b/g, " <bytes>"],
];

export function shapeOf(text: string): string {
  return CHANGING.reduce((rest, [pattern, word]) => rest.replace(pattern, word), text);
}
