/** Taking the answer home: the filter that is shown, as evidence or for other programs. The browser saves the stream; it is on record before it begins. */
import { useState } from "preact/hooks";
import { logPath } from "../state/api.ts";
import { filterQuery } from "./search-box.tsx";

const FORMATS = {
  jsonl: ["Evidence (.jsonl)", "exact lines, each with its receipt, and the signed checkpoint"],
  csv: ["CSV", "for spreadsheets; formulas are made harmless; no evidence"],
  ocsf: ["OCSF", "API activity events for a SIEM; no evidence"],
} as const;

export function ExportMenu({ log }: { readonly log: string }) {
  const [isOpen, setOpen] = useState(false);
  const hrefFor = (format: string): string => {
    const wanted = filterQuery();
    wanted.set("format", format);
    return `${logPath(log)}/export?${wanted.toString()}`;
  };
  return (
    <div class="menu">
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        Export
      </button>
      {isOpen && (
        <div class="choices">
          <p class="muted">What is sealed of the filter shown. Exports are on record.</p>
          {Object.entries(FORMATS).map(([format, [name, words]]) => (
            <a key={format} href={hrefFor(format)} download onClick={() => setOpen(false)}>
              <strong>{name}</strong> <span class="muted">{words}</span>
            </a>
          ))}
        </div>
      )}
    </div>
  );
}
