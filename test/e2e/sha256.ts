/** Node's SHA-256 as the log takes it. */
import { createHash } from "node:crypto";
import type { Sha256 } from "../../storage/log/hash.ts";

export const sha256: Sha256 = (data) => createHash("sha256").update(data).digest();
