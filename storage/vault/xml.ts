/**
 * The few S3 answers that the vault reads, parsed with fast-xml-parser in document order (the order is
 * the meaning of a version listing, so grouping by tag name will not do). What does not have the
 * expected root throws: an error body with status 200, or a proxy's page, is never an empty listing.
 */
import { XMLParser } from "fast-xml-parser";
import type { ObjectLock, ObjectVersion } from "../ports.ts";

/** One element: its name without prefix, its text, and its child elements in order. */
interface Element {
  readonly name: string;
  readonly text: string;
  readonly children: readonly Element[];
}

export interface VersionsPage {
  /** Versions and delete markers as the store listed them: key order, newest first within a key. */
  readonly versions: readonly ObjectVersion[];
  readonly prefixes: readonly string[];
  /** Where the next page begins; `undefined` on the last one. */
  readonly next: { readonly key: string; readonly versionId: string } | undefined;
}

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: true,
  ignoreDeclaration: true,
  removeNSPrefix: true,
  parseTagValue: false,
  trimValues: false,
});

/** ListVersionsResult (`GET ?versions`), asked for with `encoding-type=url`. */
export function parseVersions(xml: string): VersionsPage {
  const root = parseRoot(xml, ["ListVersionsResult"]);
  // A store that does not echo the encoding has not applied it.
  const decode = textOf(root, "EncodingType") === "url" ? decodeKey : (text: string) => text;
  const versions: ObjectVersion[] = [];
  const prefixes: string[] = [];
  for (const child of root.children) {
    if (child.name === "Version") versions.push(parseVersion(child, decode, false));
    if (child.name === "DeleteMarker") versions.push(parseVersion(child, decode, true));
    if (child.name === "CommonPrefixes") prefixes.push(decode(textOf(child, "Prefix")));
  }
  if (textOf(root, "IsTruncated") !== "true") return { versions, prefixes, next: undefined };
  const key = decode(textOf(root, "NextKeyMarker"));
  return { versions, prefixes, next: { key, versionId: textOf(root, "NextVersionIdMarker") } };
}

/** `GET ?retention`. The root is `Retention` on AWS and MinIO, `ObjectLockRetention` on versitygw. */
export function parseRetention(xml: string): ObjectLock {
  const root = parseRoot(xml, ["Retention", "ObjectLockRetention"]);
  const mode = textOf(root, "Mode");
  if (mode === "") return { mode: "none", retainUntilMs: 0 };
  if (mode !== "COMPLIANCE" && mode !== "GOVERNANCE")
    throw new Error(`unknown lock mode "${mode}"`);
  // Stores answer "…:04Z" or "…:04.000Z"; only whole seconds are kept by all of them.
  return {
    mode,
    retainUntilMs: Math.floor(parseTime(textOf(root, "RetainUntilDate")) / 1000) * 1000,
  };
}

/** `GET ?object-lock`: whether the bucket was made with object lock. */
export function parseLockEnabled(xml: string): boolean {
  return textOf(parseRoot(xml, ["ObjectLockConfiguration"]), "ObjectLockEnabled") === "Enabled";
}

/** The upload id of `POST ?uploads`. */
export function parseUploadId(xml: string): string {
  return textOf(parseRoot(xml, ["InitiateMultipartUploadResult"]), "UploadId");
}

/** S3's error code, or the empty string where the body is no S3 error. */
export function parseErrorCode(xml: string): string {
  try {
    return textOf(parseRoot(xml, ["Error"]), "Code");
  } catch {
    return "";
  }
}

/** The code of the first `<Error>` inside the answer of a multi-object delete; empty if there is none. */
export function parseDeleteErrorCode(xml: string): string {
  const failed = parseRoot(xml, ["DeleteResult"]).children.find((child) => child.name === "Error");
  return failed === undefined ? "" : textOf(failed, "Code");
}

/** Escapes text for an XML body. */
export function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function parseVersion(
  element: Element,
  decode: (text: string) => string,
  deleteMarker: boolean,
): ObjectVersion {
  const bytes = deleteMarker ? 0 : Number(textOf(element, "Size"));
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new Error("a version without a size");
  return {
    key: decode(textOf(element, "Key")),
    versionId: textOf(element, "VersionId"),
    deleteMarker,
    latest: textOf(element, "IsLatest") === "true",
    bytes,
    lastModifiedMs: parseTime(textOf(element, "LastModified")),
  };
}

function parseTime(text: string): number {
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new Error(`no time: "${text}"`);
  return time;
}

/** S3's url encoding is that of forms: a space may come as a plus sign. */
function decodeKey(text: string): string {
  return decodeURIComponent(text.replaceAll("+", "%20"));
}

function parseRoot(xml: string, names: readonly string[]): Element {
  const [root] = elements(parser.parse(xml));
  if (root === undefined || !names.includes(root.name)) {
    throw new Error(`expected <${names[0] ?? ""}>, found ${root ? `<${root.name}>` : "no XML"}`);
  }
  return root;
}

function textOf(element: Element, name: string): string {
  return element.children.find((child) => child.name === name)?.text ?? "";
}

/** The parser's ordered form is a list of {name: [children]} with texts as {"#text": …}. */
function elements(nodes: unknown): Element[] {
  if (!Array.isArray(nodes)) return [];
  return nodes.flatMap((node: Record<string, unknown>): Element[] => {
    const name = Object.keys(node).find((key) => key !== "#text" && key !== ":@");
    if (name === undefined) return [];
    const inner = node[name];
    const text = Array.isArray(inner)
      ? inner.map((child: Record<string, unknown>) => String(child["#text"] ?? "")).join("")
      : "";
    return [{ name, text, children: elements(inner) }];
  });
}
