/** What the store says of a seal's lock, judged: as it should be, near its end, or wrong. */

/** `GET /v1/logs/{log}/seals/{first}/lock`. */
export interface SealLock {
  readonly first: number;
  readonly key: string;
  readonly version_id: string;
  readonly mode: "COMPLIANCE" | "GOVERNANCE" | "none";
  readonly retain_until: string | null;
  readonly versions: number;
  readonly markers: number;
  readonly read_at: string;
}

export interface LockState {
  readonly tone: "plain" | "warn" | "bad";
  /** What is wrong or near, one sentence each; empty where all is well. */
  readonly faults: readonly string[];
}

const DAY_MS = 86_400_000;
/** A quarter: time to export and to decide. */
const SOON_DAYS = 90;

/** `sealedUntil`: what the index says was promised. */
export function judgeLock(lock: SealLock, sealedUntil: string): LockState {
  const faults: string[] = [];
  const untilMs = lock.retain_until === null ? 0 : Date.parse(lock.retain_until);
  const nowMs = Date.parse(lock.read_at);
  if (lock.mode !== "COMPLIANCE")
    faults.push(`${lock.mode === "none" ? "no lock" : lock.mode}: it can be deleted`);
  if (lock.versions !== 1) faults.push(`${lock.versions} versions under one name`);
  if (lock.markers > 0)
    faults.push(`${lock.markers} delete marker${lock.markers === 1 ? "" : "s"}`);
  if (lock.mode !== "none" && untilMs < Date.parse(sealedUntil))
    faults.push("shorter than it was sealed with");
  if (lock.mode !== "none" && untilMs <= nowMs) faults.push("the lock has ended");
  if (faults.length > 0) return { tone: "bad", faults };
  if (untilMs - nowMs < SOON_DAYS * DAY_MS) return { tone: "warn", faults };
  return { tone: "plain", faults };
}
