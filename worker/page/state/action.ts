/** Something that somebody does with a button: while it is under way, how it ended, and that it is said aloud. */
import { useState } from "preact/hooks";
import { announce } from "./announce.ts";
import { ApiProblem } from "./api.ts";

export interface Action {
  readonly isBusy: boolean;
  readonly problem: ApiProblem | null;
  /** Does it; `said`: what is heard once it is done. False where it failed. */
  readonly run: (work: () => Promise<void>, said?: string) => Promise<boolean>;
}

export function useAction(): Action {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiProblem | null>(null);
  const run = async (work: () => Promise<void>, said?: string): Promise<boolean> => {
    setBusy(true);
    setProblem(null);
    try {
      await work();
      if (said !== undefined) announce(said);
      return true;
    } catch (error) {
      const found = error instanceof ApiProblem ? error : new ApiProblem(0, "page", String(error));
      setProblem(found);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { isBusy, problem, run };
}
