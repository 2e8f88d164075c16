/** What is asked of the object that writes the search tables, as plain values. */
export interface SearchStatus {
  readonly logs: readonly {
    readonly log: string;
    readonly size: number;
    readonly searchedTo: number;
  }[];
  /** Why the tables cannot be written now; null while they can. */
  readonly problem: string | null;
}

export interface SearchKeeperApi {
  /** Looks now, not within a second. */
  poke(): Promise<void>;
  /** Waits until the tables have looked at so many entries of each log; false where that took longer than `waitMs`. */
  catchUp(
    wanted: readonly (readonly [log: string, size: number])[],
    waitMs: number,
  ): Promise<boolean>;
  /** Begins the tables anew, or those of one log. */
  restart(log: string | null): Promise<void>;
  status(): Promise<SearchStatus>;
}
