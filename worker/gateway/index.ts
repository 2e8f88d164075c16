/**
 * The gateway: a worker of its own before a MinIO that others administer. What its rules let through goes on as it came,
 * with the Host that was signed, and streams; what they do not is answered here, in S3's form, and reaches nobody.
 */
import { discardBody } from "../body.ts";
import { decide, type Decision } from "./rules.ts";

interface Env {
  /** The store. */
  readonly UPSTREAM: Fetcher;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { method, url, headers } = request;
    const refusal = decide({ method, url, headers });
    if (refusal === null) return pass(request, env);
    await discardBody(request);
    return refuse(refusal);
  },
};

async function pass(request: Request, { UPSTREAM }: Env): Promise<Response> {
  try {
    return await UPSTREAM.fetch(request, { redirect: "manual" });
  } catch {
    return answer(503, "ServiceUnavailable", "the store does not answer");
  }
}

function refuse({ status, why }: NonNullable<Decision>): Response {
  return answer(status, status === 403 ? "AccessDenied" : "InvalidRequest", why);
}

/** An error as S3 has them. `x-indelible-gateway` tells who it is from. */
function answer(status: number, code: string, why: string): Response {
  const message = why.replaceAll(/[<&]/g, "?");
  const xml = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>Gateway: ${message}</Message></Error>`;
  const headers = { "content-type": "application/xml", "x-indelible-gateway": "refused" };
  return new Response(xml, { status, headers });
}
