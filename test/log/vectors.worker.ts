/**
 * The golden vectors in workerd: bundled with the vectors inside, without any Node compatibility, so that it also shows
 * that `storage/log` needs no platform. `vectors-workerd.test.ts` builds and runs it.
 */
import type { VectorMaterial } from "./vectors-material.ts";
import { vectorCases } from "./vectors-suite.ts";

declare const VECTORS: Omit<VectorMaterial, "demo" | "inflate"> & {
  readonly demo: readonly { readonly name: string; readonly base64: string }[];
};
declare const console: { log(line: string): void };
declare const atob: (text: string) => string;
declare const Response: new (body: unknown) => {
  readonly body: { pipeThrough(stream: unknown): unknown };
  arrayBuffer(): Promise<ArrayBuffer>;
};
declare const DecompressionStream: new (format: "gzip") => unknown;

const material: VectorMaterial = {
  ...VECTORS,
  demo: VECTORS.demo.map(({ name, base64 }) => ({
    name,
    bytes: Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)),
  })),
  inflate: async (bytes) => {
    const inflated = new Response(bytes).body.pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(inflated).arrayBuffer());
  },
};

export default {
  async test(): Promise<void> {
    const failures: string[] = [];
    const cases = vectorCases(material);
    for (const { name, run } of cases) {
      try {
        await run();
      } catch (error) {
        failures.push(`${name}: ${String(error)}`);
      }
    }
    if (failures.length > 0) throw new Error(failures.join("\n"));
    console.log(`all ${cases.length} vectors hold`);
  },
};
