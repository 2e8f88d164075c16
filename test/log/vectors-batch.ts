/** The demo log: four sealed batches that make one history of 300 entries. */
import { toHex } from "../../storage/log/bytes.ts";
import {
  checkBatch,
  checkGzipHeader,
  decodeBatch,
  encodeBatch,
  parseSlotName,
  slotName,
} from "../../storage/log/batch.ts";
import { parseVkey } from "../../storage/log/note.ts";
import { Replay } from "../../storage/log/replay.ts";
import { refuses, same } from "./expect.ts";
import type { VectorMaterial } from "./vectors-material.ts";
import type { VectorCase } from "./vectors-suite.ts";

export function batchCases(material: VectorMaterial): VectorCase[] {
  const { demo, demoVkey, inflate, merkle, acknowledgement } = material;
  const key = parseVkey(demoVkey.trim());
  const load = async (bytes: Uint8Array) => decodeBatch(await inflate(bytes));
  return [
    ...demo.map(({ name, bytes }) => ({
      name: `batch ${name}`,
      run: async () => {
        checkGzipHeader(bytes);
        const batch = await load(bytes);
        const { header, lines, checkpoint } = batch;
        same(slotName(header.log, header.first), name, "its name");
        same(parseSlotName(name), { log: header.log, first: header.first }, "its name read");
        const texts = Array.from({ length: lines.length }, (_, i) => lines.text(i));
        const again = encodeBatch({ header, lines: texts, checkpoint });
        same(toHex(again), toHex(await inflate(bytes)), "written again");
        const checked = await checkBatch(batch, [key]);
        same(checked.head.leaf, merkle.leaves[checked.head.size - 1], "last leaf");
        await refuses(
          () => checkBatch(batch, [parseVkey(acknowledgement.receipt_vkey)]),
          ["signature_invalid"],
        );
      },
    })),
    {
      name: "the batches in a row",
      run: async () => {
        const replay = new Replay("demo");
        for (const { bytes } of demo) {
          same(replay.take(await checkBatch(await load(bytes), [key])), [], "findings");
        }
        same(replay.head, { size: 300, leaf: merkle.leaves[299] });
        same(replay.state.frontier.map(toHex), merkle.frontiers["300"], "frontier");
      },
    },
  ];
}
