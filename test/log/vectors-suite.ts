/**
 * Every golden vector against the log, in cases that run wherever JavaScript does: Node runs them as tests, workerd runs the
 * same ones from a bundle. The vectors were made by an implementation that shares no code with this one.
 */
import { batchCases } from "./vectors-batch.ts";
import { jsonCases } from "./vectors-json.ts";
import type { VectorMaterial } from "./vectors-material.ts";
import { noteCases } from "./vectors-note.ts";
import { treeCases } from "./vectors-tree.ts";

export interface VectorCase {
  readonly name: string;
  readonly run: () => Promise<void> | void;
}

export function vectorCases(material: VectorMaterial): VectorCase[] {
  return [
    ...jsonCases(material),
    ...treeCases(material),
    ...noteCases(material),
    ...batchCases(material),
  ];
}
