/** Reads the fields of an entry of `_system`: what is there must be of its kind, or the whole entry means nothing. */
import { isHashHex } from "./bytes.ts";
import { isLogName, type Entry } from "./entry.ts";
import { LogError } from "./errors.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import { isRfc3339 } from "./time.ts";

/** What the directory reads of an entry. */
export type SystemEntry = Pick<Entry, "action" | "by" | "eventJson" | "seq" | "time">;

/** The details of one entry, read by name and kind. Each throws `invalid_system` where they are something else. */
export class Fields {
  private readonly entry: SystemEntry;
  private readonly details: JsonObject;

  constructor(entry: SystemEntry) {
    const details = entry.eventJson["details"];
    this.entry = entry;
    this.details = isJsonObject(details) ? details : {};
  }

  has(name: string): boolean {
    return this.details[name] !== undefined;
  }

  isNull(name: string): boolean {
    return this.details[name] === null;
  }

  text(name: string): string {
    const value = this.details[name];
    if (typeof value !== "string") throw this.wrong(name, "a string");
    return value;
  }

  texts(name: string): string[] {
    const value = this.details[name];
    if (!Array.isArray(value) || !value.every((item) => typeof item === "string")) {
      throw this.wrong(name, "a list of strings");
    }
    return value;
  }

  flag(name: string): boolean {
    const value = this.details[name];
    if (typeof value !== "boolean") throw this.wrong(name, "true or false");
    return value;
  }

  whole(name: string, min: number, max: number): number {
    const value = this.details[name];
    if (!isWhole(value, min, max)) throw this.wrong(name, `a whole number from ${min} to ${max}`);
    return value;
  }

  log(): string {
    const name = this.text("log");
    if (!isLogName(name)) throw this.wrong("log", "a log's name");
    return name;
  }

  object(name: string): JsonObject {
    const value = this.details[name];
    if (!isJsonObject(value)) throw this.wrong(name, "an object");
    return value;
  }

  hash(name: string): string {
    const text = this.text(name);
    if (!isHashHex(text)) throw this.wrong(name, "64 hex digits");
    return text;
  }

  time(name: string): string {
    const text = this.text(name);
    if (!isRfc3339(text)) throw this.wrong(name, "a time");
    return text;
  }

  head(name: string): { size: number; leaf: string } {
    const value = this.details[name];
    if (!isJsonObject(value)) throw this.wrong(name, "a size and a leaf");
    const { size, leaf } = value;
    if (
      !isWhole(size, 0, Number.MAX_SAFE_INTEGER) ||
      typeof leaf !== "string" ||
      !isHashHex(leaf)
    ) {
      throw this.wrong(name, "a size and a leaf");
    }
    return { size, leaf };
  }

  wrong(name: string, expected: string): LogError {
    const { seq, action } = this.entry;
    return new LogError("invalid_system", `${action}: ${name} is not ${expected}`, { seq });
  }
}

function isWhole(value: Json | undefined, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}
