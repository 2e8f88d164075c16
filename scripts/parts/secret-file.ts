/**
 * Files that only their owner may read (0600, in folders of 0700), replaced whole or not at all. The data
 * folder's lock sees to it that there is one writer.
 */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes, fsyncs and renames: after a crash the file has its old content or the new. */
export async function writeSecret(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.new`;
  const file = await open(temporary, "w", 0o600);
  try {
    await file.writeFile(content.endsWith("\n") ? content : `${content}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const folder = await open(dirname(path));
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The content without the newline at its end, or `null` if there is no such file. */
export async function readSecret(path: string): Promise<string | null> {
  try {
    return (await readFile(path, "utf8")).trimEnd();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** The same, as JSON. The caller wrote it, so its shape is the caller's word. */
export async function readSecretJson<T>(path: string): Promise<T | null> {
  const text = await readSecret(path);
  if (text === null) return null;
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new Error(`${path} is damaged: ${(error as Error).message}`, { cause: error });
  }
}
