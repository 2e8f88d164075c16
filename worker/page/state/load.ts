/** Loading something and what is to be seen meanwhile: nothing yet, the last known value, or why there is none. */
import { useEffect, useState } from "preact/hooks";
import { ApiProblem, getJson } from "./api.ts";

export interface Loaded<T> {
  /** The last value for this key; stays while a newer one is on its way, and when that fails. */
  readonly value: T | null;
  readonly isLoading: boolean;
  readonly problem: ApiProblem | null;
  readonly reload: () => void;
}

/** Loads whenever `key` changes, and every `everyMs` while the page is seen; `key` null: nothing is loaded. */
export function useLoad<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<T>,
  everyMs: number | null = null,
): Loaded<T> {
  const [state, setState] = useState<State<T>>({
    key: null,
    value: null,
    problem: null,
    isLoading: true,
  });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (key === null) return;
    const aborting = new AbortController();
    setState((old) => ({
      ...(old.key === key ? old : { value: null, problem: null }),
      key,
      isLoading: true,
    }));
    load(aborting.signal).then(
      (value) => {
        if (!aborting.signal.aborted) setState({ key, value, problem: null, isLoading: false });
      },
      (error: unknown) => {
        if (aborting.signal.aborted) return;
        const problem =
          error instanceof ApiProblem
            ? error
            : new ApiProblem(0, "page", "what came is no answer of this server’s API");
        setState((old) => ({ ...old, key, problem, isLoading: false }));
      },
    );
    return () => aborting.abort();
  }, [key, turn]);
  useEffect(() => {
    if (everyMs === null || key === null) return;
    const timer = setInterval(() => {
      if (!document.hidden) setTurn((old) => old + 1);
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs, key]);
  const own = state.key === key;
  return {
    value: own ? state.value : null,
    problem: own ? state.problem : null,
    isLoading: !own || state.isLoading,
    reload: () => setTurn((old) => old + 1),
  };
}

/** Loads what a GET of the path answers; again when `of` is another. */
export function useJson<T>(
  path: string | null,
  everyMs: number | null = null,
  of: string | number = "",
): Loaded<T> {
  const key = path === null ? null : `${path} ${of}`;
  return useLoad(key, (signal) => getJson<T>(path!, signal), everyMs);
}

interface State<T> {
  readonly key: string | null;
  readonly value: T | null;
  readonly problem: ApiProblem | null;
  readonly isLoading: boolean;
}
