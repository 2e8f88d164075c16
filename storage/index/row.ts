/** Columns of answers by the type they must have: a database that answers otherwise is not ours. */
import type { Row } from "@libsql/client/web";
import { IndexError } from "../ports.ts";

export function textOf(row: Row | undefined, column: string): string {
  const value = row?.[column];
  return typeof value === "string" ? value : fail(column);
}

export function integerOf(row: Row | undefined, column: string): number {
  const value = row?.[column];
  return Number.isSafeInteger(value) ? (value as number) : fail(column);
}

export function bytesOf(row: Row | undefined, column: string): Uint8Array {
  const value = row?.[column];
  return value instanceof ArrayBuffer ? new Uint8Array(value) : fail(column);
}

function fail(column: string): never {
  throw new IndexError(`the index answers with something else in column ${column}`, "nothing");
}
