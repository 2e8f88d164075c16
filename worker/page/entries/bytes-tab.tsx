/** The exact line, as it was hashed: to be copied, or taken home. */
import { Copy } from "../parts/copy.tsx";
import { download } from "../parts/download.ts";
import { Foreign } from "../parts/text.tsx";
import { formatBytes } from "../state/time.ts";

export function BytesTab({
  log,
  seq,
  line,
}: {
  readonly log: string;
  readonly seq: number;
  readonly line: string;
}) {
  const bytes = new TextEncoder().encode(line);
  return (
    <>
      <p class="row">
        <Copy text={line} what="Copy the line" />
        <button
          type="button"
          class="small"
          onClick={() => download(`${log}-${seq}.json`, bytes, "application/json")}
        >
          Download
        </button>
        <span class="muted">{formatBytes(bytes.length)}, without a newline</span>
      </p>
      <pre class="bytes" tabIndex={0} role="region" aria-label="Exact bytes">
        <Foreign text={line} />
      </pre>
    </>
  );
}
