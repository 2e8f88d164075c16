/** PUT ?retention on one version: makes a lock longer, and is what the self-test tries to make one shorter with. */
import { createHash } from "node:crypto";
import type { S3Request } from "./client.ts";

/** Up to the whole second: some stores keep no milliseconds, and none may keep less than was asked. */
export function formatRetainUntil(timeMs: number): string {
  return new Date(Math.ceil(timeMs / 1000) * 1000).toISOString();
}

export function putRetention(
  { key, versionId }: { readonly key: string; readonly versionId: string },
  mode: string,
  retainUntilMs: number,
): S3Request {
  const date = formatRetainUntil(retainUntilMs);
  return withXml(
    { method: "PUT", key, query: { retention: "", versionId } },
    `<Retention><Mode>${mode}</Mode><RetainUntilDate>${date}</RetainUntilDate></Retention>`,
  );
}

/** The request with an XML body and its MD5, which S3 wants for bodies of this kind. */
export function withXml(request: S3Request, xml: string): S3Request {
  const body = new TextEncoder().encode(xml);
  const md5 = createHash("md5").update(body).digest("base64");
  return { ...request, body, headers: { ...request.headers, "content-md5": md5 } };
}
