/**
 * The page: one shell for all its addresses, and files whose names hold their hash. The policy lets nothing in but scripts and
 * styles of this origin; text cannot become code (Trusted Types), whatever an entry holds.
 */
import { answer, codingFor, type Headers } from "./answer.ts";

export interface PageFile {
  /** Content-Type. */
  readonly type: string;
  readonly text: string;
}

/** What `scripts/parts/page-build.ts` makes. */
export interface PageFiles {
  readonly shell: string;
  /** By address. */
  readonly files: Readonly<Record<string, PageFile>>;
}

/** The page's own addresses, in hono's form; what each shows, the page decides (`worker/page/state/place.ts`). */
export const PAGE_PATHS = [
  "/",
  "/logs/:log",
  "/logs/:log/entries/:seq",
  "/logs/:log/seals",
  "/verify",
  "/audits",
  "/access",
  "/try",
] as const;
export const FILE_PATH = "/assets/:name";

export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types indelible-worker",
].join("; ");

/** What a page of ours never needs, so nothing that gets into it can ask for it either. */
const PERMISSIONS = [
  ...["accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer"],
  ...["microphone", "midi", "payment", "publickey-credentials-get", "serial", "usb"],
]
  .map((name) => `${name}=()`)
  .join(", ");

const GUARDED: Headers = {
  "content-security-policy": PAGE_POLICY,
  "permissions-policy": PERMISSIONS,
};

/** A name with the hash in it is never another file. */
const CACHE_FOREVER = "public, max-age=31536000, immutable";

/** The shell: never kept, so whoever signs out and goes back sees nothing, and an update is seen at once. */
export function answerShell(requestId: string, request: Request, { shell }: PageFiles): Response {
  const headers = {
    ...GUARDED,
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
  };
  return answer(requestId, 200, shell, { ...headers, ...codingFor(request) });
}

/** One of the page's files; `null` where there is none of this name. */
export function answerFile(
  requestId: string,
  request: Request,
  address: string,
  { files }: PageFiles,
): Response | null {
  const file = Object.hasOwn(files, address) ? files[address] : undefined;
  if (file === undefined) return null;
  const headers = { ...GUARDED, "content-type": file.type, "cache-control": CACHE_FOREVER };
  return answer(requestId, 200, file.text, { ...headers, ...codingFor(request) });
}
