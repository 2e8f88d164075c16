/** Gives somebody a file that was made or fetched here. */

/** The browser asks where to, or saves it among its downloads. */
export function download(name: string, content: string | Uint8Array, type = "text/plain"): void {
  const part = typeof content === "string" ? content : (content as Uint8Array<ArrayBuffer>);
  const url = URL.createObjectURL(new Blob([part], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The click has begun the download; a minute is more than any browser takes to read it.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
