/**
 * An exclusive lock on a file that the kernel lets go when its holder dies, so that it is never stale.
 * Node has no flock; SQLite's own file lock is one, and its library is here for the index anyway.
 */
import Database from "libsql";

export interface FileLock {
  release(): void;
}

/** Takes the lock at `path` (made if missing), or returns `null` if another process has it. */
export function tryFileLock(path: string): FileLock | null {
  const database = new Database(path, { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if ((error as { code?: string }).code === "SQLITE_BUSY") return null;
    throw error;
  }
  return { release: () => database.close() };
}

/** The same, waiting for the other process. `onWait` is called once, if there is anything to wait for. */
export async function fileLock(path: string, onWait: () => void): Promise<FileLock> {
  let lock = tryFileLock(path);
  if (!lock) onWait();
  while (!lock) {
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    lock = tryFileLock(path);
  }
  return lock;
}

const RETRY_MS = 200;
