/** Files that somebody has, checked without asking any server: sealed batches, receipts with their lines. Works signed out. */
import { useState } from "preact/hooks";
import { VerifiedBadge } from "../parts/badge.tsx";
import { Foreign } from "../parts/text.tsx";
import { BADGE_IS } from "../entries/proof-tab.tsx";
import { keep, kept } from "../state/kept.ts";
import { memoryOf } from "../state/remembered.ts";
import { readable } from "../state/session.ts";
import { verifyFiles } from "../state/verifier.ts";
import type { DroppedFile, FileVerdict } from "../verify/file-check.ts";
import { VKEY } from "./key-panel.tsx";

/** More than anybody drops on purpose; each may have 64 MiB. */
const FILES_MAX = 100;
const BYTES_MAX = 256 * 1024 * 1024;

export function DropFiles() {
  const [files, setFiles] = useState<readonly DroppedFile[]>([]);
  const [verdicts, setVerdicts] = useState<readonly FileVerdict[] | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [keyText, setKeyText] = useState(kept("file-keys") ?? "");
  const [isOver, setOver] = useState(false);
  const check = async (given: readonly DroppedFile[], flip = false) => {
    setProblem(null);
    try {
      setVerdicts(await verifyFiles(given, trustedKeys(keyText), flip));
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  const take = async (list: FileList | null) => {
    const found = [...(list ?? [])];
    if (found.length > FILES_MAX || found.reduce((sum, { size }) => sum + size, 0) > BYTES_MAX) {
      return setProblem(`At most ${FILES_MAX} files of together 256 MiB`);
    }
    const read = await Promise.all(
      found.map(async (file) => ({
        name: file.name,
        bytes: new Uint8Array(await file.arrayBuffer()),
      })),
    );
    setFiles(read);
    await check(read);
  };
  const keysChanged = (text: string) => {
    setKeyText(text);
    keep("file-keys", text.trim() === "" ? null : text);
  };
  return (
    <>
      <div
        class={isOver ? "drop over" : "drop"}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          void take(event.dataTransfer?.files ?? null);
        }}
      >
        <label>
          Drop here, or choose: a sealed batch (.jsonl.gz), an export (.jsonl), a receipt
          (.tlog-proof) together with its line{" "}
          <input type="file" multiple onChange={(event) => void take(event.currentTarget.files)} />
        </label>
        <p class="muted hint">Nothing is sent anywhere.</p>
      </div>
      <div class="field">
        <label for="file-keys">
          Verifier keys, one a line. Keys that this browser trusts for its logs are known already.
        </label>
        <textarea
          id="file-keys"
          rows={2}
          spellcheck={false}
          value={keyText}
          onInput={(event) => keysChanged(event.currentTarget.value)}
        />
      </div>
      {files.length > 0 && (
        <p class="row">
          <button type="button" class="main" onClick={() => void check(files)}>
            Check again
          </button>
          <button type="button" onClick={() => void check(files, true)}>
            Flip one character
          </button>
        </p>
      )}
      {problem !== null && (
        <p class="error" role="alert">
          {problem}
        </p>
      )}
      {verdicts !== null && (
        <ul class="checks" aria-live="polite">
          {verdicts.map(({ name, badge, words, seq }, i) => (
            <li key={i}>
              <VerifiedBadge is={BADGE_IS[badge]} />{" "}
              <span>
                <Foreign text={name} cut={100} />: <Foreign text={words} />
                {badge === "Does not match" && seq !== null && <strong> Entry {seq}.</strong>}
              </span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** Those pasted here, and those that are trusted for logs that one may see. */
function trustedKeys(text: string): string[] {
  const pasted = text.split(/\s+/).filter((key) => VKEY.test(key));
  const known = readable.value.flatMap(({ name }) => memoryOf(name)?.vkeys ?? []);
  return [...new Set([...pasted, ...known])];
}
