/** An entry field by field, each to be copied or to filter by, and what changed. Details are a tree that opens. */
import { Copy } from "../parts/copy.tsx";
import { Foreign, Time } from "../parts/text.tsx";
import type { EntryItem, Party } from "../state/answers.ts";
import { go, hrefOf } from "../state/place.ts";
import type { Change, Json } from "./diff.ts";

interface Field {
  readonly name: string;
  readonly text: string;
  /** The condition that finds entries with the same. */
  readonly filter?: string;
  readonly isTime?: boolean;
}

export function FieldsTab({
  log,
  entry,
  leaf,
}: {
  readonly log: string;
  readonly entry: EntryItem["entry"];
  readonly leaf: string;
}) {
  const { event } = entry;
  const fields: Field[] = [
    { name: "action", text: event.action, filter: "action" },
    ...partyFields("actor", event.actor),
    ...(event.targets ?? []).flatMap((target, i) =>
      partyFields(i === 0 ? "target" : `target ${i + 1}`, target),
    ),
    ...(event.outcome === undefined
      ? []
      : [{ name: "outcome", text: event.outcome, filter: "outcome" }]),
    { name: "time", text: entry.time, isTime: true },
    ...(event.occurred_at === undefined
      ? []
      : [{ name: "occurred at (sender)", text: event.occurred_at }]),
    ...(event.id === undefined ? [] : [{ name: "id (sender)", text: event.id, filter: "q" }]),
    ...Object.entries(event.context ?? {}).map(([name, text]) => ({
      name: `context ${name}`,
      text,
    })),
    { name: "written by", text: entry.by },
    { name: "leaf, made here", text: leaf },
    { name: "leaf before", text: entry.prev },
  ];
  return (
    <>
      <dl class="fields">
        {fields.map((field) => (
          <FieldRow key={field.name} log={log} field={field} />
        ))}
      </dl>
      {event.details !== undefined && (
        <>
          <h3>Details</h3>
          <Tree value={event.details} name={null} depth={0} />
        </>
      )}
    </>
  );
}

function partyFields(name: string, { id, type, name: called }: Party): Field[] {
  return [
    { name, text: id, filter: name === "actor" ? "actor" : "target" },
    ...(called === undefined ? [] : [{ name: `${name} name`, text: called }]),
    ...(type === undefined ? [] : [{ name: `${name} type`, text: type }]),
  ];
}

function FieldRow({ log, field }: { readonly log: string; readonly field: Field }) {
  const { name, text, filter, isTime } = field;
  const find = () =>
    go(
      hrefOf(
        { name: "entries", log, seq: null },
        { [filter!]: text, cursor: null, show: null },
        true,
      ),
    );
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {isTime === true ? <Time at={text} ms relative /> : <Foreign text={text} />}
        <span class="acts">
          {filter !== undefined && (
            <button
              type="button"
              class="small"
              aria-label={`Filter by this ${name}`}
              onClick={find}
            >
              Filter
            </button>
          )}
          <Copy text={text} label={`Copy ${name}`} />
        </span>
      </dd>
    </div>
  );
}

/** Deeper than this is opened by hand. */
const OPEN_DEPTH = 2;

function Tree({
  value,
  name,
  depth,
}: {
  readonly value: Json;
  readonly name: string | null;
  readonly depth: number;
}) {
  const label = name === null ? null : <Foreign text={name} cut={200} />;
  if (typeof value !== "object" || value === null) {
    return (
      <div class="leaf">
        {label !== null && <span class="key">{label}: </span>}
        <Scalar value={value} />
      </div>
    );
  }
  const members = Object.entries<Json>(value as { readonly [name: string]: Json });
  const kind = Array.isArray(value) ? `list of ${members.length}` : `${members.length} members`;
  return (
    <details class="tree" open={depth < OPEN_DEPTH}>
      <summary>
        {label ?? "all"} <span class="muted">{kind}</span>
      </summary>
      {members.map(([inner, own]) => (
        <Tree key={inner} value={own} name={inner} depth={depth + 1} />
      ))}
    </details>
  );
}

export function Scalar({ value }: { readonly value: Json | undefined }) {
  if (value === undefined) return <span class="muted">–</span>;
  if (typeof value === "string") return <Foreign text={value} />;
  return <code>{typeof value === "object" ? JSON.stringify(value) : String(value)}</code>;
}

const KIND_WORDS = {
  added: "added",
  removed: "removed",
  changed: "changed",
  same: "same",
} as const;

export function ChangesTab({
  pairs,
}: {
  readonly pairs: readonly { readonly at: string; readonly changes: readonly Change[] }[];
}) {
  return (
    <>
      {pairs.map(({ at, changes }) => (
        <table class="cards diff" key={at}>
          <caption>
            What changed
            {at === "" ? (
              ""
            ) : (
              <>
                {" "}
                in <Foreign text={at} />
              </>
            )}
          </caption>
          <thead>
            <tr>
              <th scope="col">Member</th>
              <th scope="col">Before</th>
              <th scope="col">After</th>
              <th scope="col">What</th>
            </tr>
          </thead>
          <tbody>
            {changes
              .filter(({ kind }) => kind !== "same")
              .map((change) => (
                <tr key={change.path.join("\0")} class={change.kind}>
                  <th scope="row" data-name="Member">
                    <Foreign text={change.path.join(" › ") || "(all)"} />
                  </th>
                  <td data-name="Before">
                    <Scalar value={change.before} />
                  </td>
                  <td data-name="After">
                    <Scalar value={change.after} />
                  </td>
                  <td>{KIND_WORDS[change.kind]}</td>
                </tr>
              ))}
          </tbody>
        </table>
      ))}
      <p class="muted hint">Members that are the same before and after are left out.</p>
    </>
  );
}
