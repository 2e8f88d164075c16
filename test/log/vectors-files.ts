/** The golden vectors read from the files in `test/vectors`. */
import { readdirSync, readFileSync } from "node:fs";
import { gunzipStrictly } from "../../storage/gzip.ts";
import type { VectorMaterial } from "./vectors-material.ts";

const FOLDER = new URL("../vectors/", import.meta.url);

export function readVectors(): VectorMaterial {
  const names = readdirSync(new URL("demo/", FOLDER)).sort();
  return {
    canonical: json("canonical"),
    entries: json("entries"),
    merkle: json("merkle"),
    checkpoint: json("checkpoint"),
    acknowledgement: json("acknowledgement"),
    receipt: json("receipt"),
    tiles: json("tiles"),
    demoVkey: readFileSync(new URL("demo.vkey", FOLDER), "utf8"),
    demo: names.map((name) => ({
      name: `demo/${name}`,
      bytes: new Uint8Array(readFileSync(new URL(`demo/${name}`, FOLDER))),
    })),
    inflate: async (bytes) => new Uint8Array(gunzipStrictly(bytes, 64 * 1024 * 1024)),
  };
}

function json<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), "utf8")) as T;
}
