/**
 * A table with its columns' names above, and in each cell once more: on a narrow screen rows become cards, and the name stands before
 * the cell (`cards` in the styles).
 */
import type { ComponentChildren } from "preact";

/** `count`: numbers, to the right. `do`: buttons, under a name that is only heard. */
export type Column = string | readonly [name: string, kind: "count" | "do"];

export function Table({
  columns,
  kind = "cards",
  children,
}: {
  readonly columns: readonly Column[];
  readonly kind?: string;
  readonly children: ComponentChildren;
}) {
  return (
    <table class={kind}>
      <thead>
        <tr>
          {columns.map((column) => {
            const [name, what] = parts(column);
            return (
              <th key={name} scope="col" class={what}>
                {what === "do" ? <span class="heard">{name}</span> : name}
              </th>
            );
          })}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

/** One row of it: a cell for each column, of which the first is the row's heading. */
export function Row({
  columns,
  cells,
}: {
  readonly columns: readonly Column[];
  readonly cells: readonly ComponentChildren[];
}) {
  return (
    <tr>
      {columns.map((column, place) => {
        const [name, what] = parts(column);
        const Cell = place === 0 ? "th" : "td";
        return (
          <Cell
            key={name}
            scope={place === 0 ? "row" : undefined}
            data-name={what === "do" ? undefined : name}
            class={what === "count" ? "num count" : undefined}
          >
            {cells[place]}
          </Cell>
        );
      })}
    </tr>
  );
}

function parts(column: Column): readonly [name: string, kind?: string] {
  return typeof column === "string" ? [column] : column;
}
