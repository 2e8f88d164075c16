/** The ways to cheat, as they are offered, and what comes back of one. */

export interface CheatReport {
  readonly did: readonly string[];
  readonly refused: boolean;
  readonly said: string;
}

export interface Way {
  readonly way: string;
  readonly title: string;
  readonly who: string;
}

export const WAYS: readonly Way[] = [
  {
    way: "app",
    title: "As the app",
    who: "somebody took over the worker and has its database token",
  },
  { way: "dba", title: "As the DBA", who: "drops the triggers, edits the row, puts them back" },
  {
    way: "chain",
    title: "As a DBA who knows the chain",
    who: "edits, and makes every hash behind it again",
  },
  { way: "store", title: "As the store’s user", who: "deletes the sealed object, by its version" },
];
