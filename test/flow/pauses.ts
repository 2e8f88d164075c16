/**
 * Makes the pauses of the flows pass a hundred times faster, and ends those of a process that died: nobody would
 * clear them, and they would keep the test's process alive.
 */
const FASTER = 100;

const realSetTimeout = globalThis.setTimeout;
const running = new Set<NodeJS.Timeout>();
let hastened = false;

export function hastenPauses(): void {
  if (hastened) return;
  hastened = true;
  const hasty = (work: () => void, ms = 0): NodeJS.Timeout => {
    const timer = realSetTimeout(() => {
      running.delete(timer);
      work();
    }, ms / FASTER);
    running.add(timer);
    return timer;
  };
  globalThis.setTimeout = hasty as typeof setTimeout;
}

export function endPauses(): void {
  for (const timer of running) clearTimeout(timer);
  running.clear();
}
