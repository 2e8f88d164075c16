/** What the browser keeps for this page: choices and seen checkpoints, never a token. Storage may be switched off or full. */

/** Null where nothing is kept under this name. */
export function kept(name: string): string | null {
  try {
    return localStorage.getItem(`indelible.${name}`);
  } catch {
    return null;
  }
}

/** Keeps a text, or with null nothing. False where the browser does not allow it. */
export function keep(name: string, value: string | null): boolean {
  try {
    if (value === null) localStorage.removeItem(`indelible.${name}`);
    else localStorage.setItem(`indelible.${name}`, value);
    return true;
  } catch {
    return false;
  }
}
