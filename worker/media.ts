/** Media types of requests and answers (RFC 9110 §8.3, §12.5.1), as far as this API needs them. */
import { ProblemError } from "./problem.ts";

/**
 * The type of the body, one of `types`. Throws `unsupported_media_type` for any other, for a charset
 * that is not UTF-8, and for a content coding: nothing is inflated at the door.
 */
export function bodyType<T extends string>(request: Request, types: readonly T[]): T {
  const coding = request.headers.get("content-encoding");
  if (coding !== null && coding.toLowerCase() !== "identity") {
    throw refusal("a content coding is not taken: send the body as it is", types);
  }
  const header = request.headers.get("content-type");
  if (header === null) throw refusal("Content-Type is missing", types);
  const [essence = "", ...parameters] = header.split(";");
  const type = types.find((known) => known === essence.trim().toLowerCase());
  if (type === undefined) throw refusal("Content-Type is not one of those taken here", types);
  if (!parameters.every(isHarmless)) throw refusal("JSON is always UTF-8", types);
  return type;
}

function isHarmless(parameter: string): boolean {
  const [name = "", value = ""] = parameter.trim().toLowerCase().split("=");
  return name !== "charset" || /^"?utf-8"?$/.test(value);
}

function refusal(detail: string, types: readonly string[]): ProblemError {
  return new ProblemError("unsupported_media_type", `${detail}; taken: ${types.join(", ")}`);
}

/** Whether the Accept header names this very type, with any weight but zero. */
export function accepts(request: Request, type: string): boolean {
  const header = request.headers.get("accept");
  if (header === null) return false;
  return header.split(",").some((range) => {
    const [essence = "", ...parameters] = range.split(";");
    if (essence.trim().toLowerCase() !== type) return false;
    return !parameters.some((parameter) => /^\s*q=0(?:\.0{0,3})?\s*$/i.test(parameter));
  });
}
