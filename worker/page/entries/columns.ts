/** Which columns the table of entries has, and which somebody wants to see. */
import { signal } from "@preact/signals";
import { keep, kept } from "../state/kept.ts";

export const COLUMNS = ["actor", "action", "targets", "outcome", "by", "context", "state"] as const;
export type Column = (typeof COLUMNS)[number];

export const COLUMN_WORDS: Readonly<Record<Column, string>> = {
  actor: "Actor",
  action: "Action",
  targets: "Targets",
  outcome: "Outcome",
  by: "Written by",
  context: "From address",
  state: "Seal",
};

const USUAL = "actor,action,targets,outcome,state";

const isColumn = (name: string): name is Column => (COLUMNS as readonly string[]).includes(name);

export const columns = signal<readonly Column[]>(
  (kept("columns") ?? USUAL).split(",").filter(isColumn),
);

export function toggleColumn(name: Column): void {
  const wanted = new Set(columns.value);
  if (!wanted.delete(name)) wanted.add(name);
  columns.value = COLUMNS.filter((column) => wanted.has(column));
  keep("columns", columns.value.join(","));
}
