/** The values that occur most. */

export interface ValueCount {
  readonly value: string;
  readonly count: number;
}

/** The `limit` values with the largest counts, of equals the first by code points; as SQLite orders them. */
export function topOf(counts: ReadonlyMap<string, number>, limit: number): ValueCount[] {
  const top: ValueCount[] = [];
  for (const [value, count] of counts) {
    const one = { value, count };
    if (top.length === limit && compare(one, top.at(-1)!) > 0) continue;
    let at = top.length;
    while (at > 0 && compare(one, top[at - 1]!) < 0) at--;
    top.splice(at, 0, one);
    if (top.length > limit) top.pop();
  }
  return top;
}

function compare(a: ValueCount, b: ValueCount): number {
  return b.count - a.count || compareCodePoints(a.value, b.value);
}

/** The order of their UTF-8: as that of their UTF-16, but that surrogates stand behind all else. */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const [one, other] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (one !== other) return placeOf(one) - placeOf(other);
  }
  return a.length - b.length;
}

function placeOf(unit: number): number {
  const isSurrogate = unit >= 0xd800 && unit < 0xe000;
  return isSurrogate ? unit + 0x10000 : unit;
}
