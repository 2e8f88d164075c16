/**
 * Prometheus' text format 0.0.4, read strictly: a family's HELP and TYPE come before its samples, once; no sample comes
 * twice; names, labels and numbers are as the format has them; histograms are cumulative and end with all they counted.
 */
import assert from "node:assert/strict";

export interface Family {
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** By name and labels, as they stand in the text. */
  readonly samples: Map<string, number>;
}

const HELP = /^# HELP ([a-z_][a-z0-9_]*) (\S.*)$/;
const TYPE = /^# TYPE ([a-z_][a-z0-9_]*) (counter|gauge|histogram)$/;
const LABEL = /[a-z_][a-z0-9_]*="(?:[^"\\\n]|\\["\\n])*"/;
const SAMPLE = new RegExp(
  `^([a-z_][a-z0-9_]*)(\\{(?:${LABEL.source},?)+\\})? (-?\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?|\\+Inf)$`,
);

/** Families by name. Throws where the text is not as the format wants it. */
export function parseMetrics(text: string): Map<string, Family> {
  assert.ok(text.endsWith("\n"), "ends with a line feed");
  const families = new Map<string, Family>();
  const helps = new Map<string, string>();
  let open = "";
  for (const line of text.split("\n").filter((each) => each !== "")) {
    const help = HELP.exec(line);
    const type = TYPE.exec(line);
    if (help) {
      assert.ok(!helps.has(help[1]!), `${line}: a second time`);
      helps.set(help[1]!, help[2]!);
    } else if (type) {
      open = type[1]!;
      assert.ok(helps.has(open) && !families.has(open), `${line}: after its HELP, once`);
      const kind = type[2] as Family["type"];
      families.set(open, { help: helps.get(open)!, type: kind, samples: new Map() });
    } else {
      addSample(line, open, families.get(open));
    }
  }
  for (const [name, family] of families) checkFamily(name, family);
  return families;
}

/** The value of one sample, which must be there: `name`, or `name{label="value"}`. */
export function valueOf(families: Map<string, Family>, sample: string): number {
  for (const { samples } of families.values()) {
    const value = samples.get(sample);
    if (value !== undefined) return value;
  }
  throw new assert.AssertionError({ message: `there is no ${sample}` });
}

function addSample(line: string, name: string, family: Family | undefined): void {
  const match = SAMPLE.exec(line);
  assert.ok(match, `not a line of the format: ${line}`);
  const suffixes = family?.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
  assert.ok(
    family && suffixes.some((suffix) => match[1] === name + suffix),
    `${line}: not of the family before it`,
  );
  const sample = `${match[1]}${match[2] ?? ""}`;
  assert.ok(!family.samples.has(sample), `${sample}: a second time`);
  family.samples.set(sample, Number(match[3]!.replace("+Inf", "Infinity")));
}

function checkFamily(name: string, { type, samples }: Family): void {
  assert.equal(name.endsWith("_total"), type === "counter", `${name} is a ${type}`);
  if (type === "counter") for (const value of samples.values()) assert.ok(value >= 0, name);
  if (type !== "histogram") return;
  // Of a series' labels `le` is the one that differs between its buckets.
  const lasts = new Map<string, number>();
  for (const [sample, value] of samples) {
    if (!sample.startsWith(`${name}_bucket`)) continue;
    const series = sample.replace(/le="[^"]*",?/, "").replace(/,?\}$/, "}");
    assert.ok(value >= (lasts.get(series) ?? 0), `${sample}: less than the bucket before`);
    lasts.set(series, value);
    if (!sample.includes('le="+Inf"')) continue;
    const count = series.replace(`${name}_bucket`, `${name}_count`).replace("{}", "");
    assert.equal(value, samples.get(count), `${sample}: all that was counted`);
  }
}
