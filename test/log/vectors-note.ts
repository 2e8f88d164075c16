/** Vectors of verifier keys, checkpoints of both keys, and receipts. */
import { fromHex, toHex } from "../../storage/log/bytes.ts";
import {
  formatCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  receiptKeyName,
  signCheckpoint,
} from "../../storage/log/checkpoint.ts";
import { formatVkey, parseNote, parseVkey } from "../../storage/log/note.ts";
import { checkReceipt, formatReceipt, parseReceipt } from "../../storage/log/receipt.ts";
import { holds, refuses, same } from "./expect.ts";
import { signerOf } from "./keys.ts";
import type { ReceiptRow, VectorMaterial } from "./vectors-material.ts";
import type { VectorCase } from "./vectors-suite.ts";

export function noteCases(material: VectorMaterial): VectorCase[] {
  return [
    ...checkpointCases(material),
    ...acknowledgementCases(material),
    ...receiptCases(material),
  ];
}

function checkpointCases({ checkpoint, merkle }: VectorMaterial): VectorCase[] {
  const key = parseVkey(checkpoint.vkey);
  const signer = signerOf(key.name, fromHex(checkpoint.seed_hex));
  return [
    {
      name: "verifier key of the log",
      run: () => {
        same(toHex(key.publicKey), checkpoint.public_hex);
        same(formatVkey(key.name, key.publicKey), checkpoint.vkey);
        same(signer.vkey, checkpoint.vkey, "from the seed");
      },
    },
    ...checkpoint.good.map(({ size, note }) => ({
      name: `checkpoint of size ${size}`,
      run: async () => {
        const opened = await openCheckpoint(note, [key]);
        same(opened.size, size);
        same(toHex(opened.root), merkle.roots[size], "root");
        same(formatCheckpoint(opened), parseNote(note).text, "text");
        same(await signCheckpoint(opened, signer), note, "signed again");
      },
    })),
    ...checkpoint.refused.map(({ note, why }) => ({
      name: `checkpoint refused: ${why}`,
      run: async () => {
        await refuses(
          () => openCheckpoint(note, [key]),
          ["signature_invalid", "invalid_note", "invalid_checkpoint"],
        );
      },
    })),
    {
      name: "checkpoint with a leading zero is refused even if signed",
      run: async () => {
        const text = parseNote(checkpoint.good[2]!.note).text.replace("\n100\n", "\n0100\n");
        await refuses(() => parseCheckpoint(text), ["invalid_checkpoint"]);
      },
    },
  ];
}

function acknowledgementCases({ acknowledgement, merkle }: VectorMaterial): VectorCase[] {
  const receiptKey = parseVkey(acknowledgement.receipt_vkey);
  const logKey = parseVkey(acknowledgement.log_vkey);
  const signer = signerOf(receiptKey.name, fromHex(acknowledgement.seed_hex));
  return acknowledgement.good.map(({ size, note }) => ({
    name: `acknowledged checkpoint of size ${size}`,
    run: async () => {
      const opened = await openCheckpoint(note, [logKey, receiptKey]);
      same([opened.size, opened.signers.length], [size, 1]);
      holds(opened.signers[0] === receiptKey, "signed by the receipt key");
      same(receiptKey.name, receiptKeyName(opened.origin), "its name");
      if (merkle.roots[size] !== undefined) same(toHex(opened.root), merkle.roots[size], "root");
      same(await signCheckpoint(opened, signer), note, "signed again");
      await refuses(() => openCheckpoint(note, [logKey]), ["signature_invalid"]);
    },
  }));
}

function receiptCases({ receipt, checkpoint }: VectorMaterial): VectorCase[] {
  const logKey = parseVkey(receipt.vkey);
  const receiptKey = parseVkey(receipt.receipt_vkey);
  const good = (rows: readonly ReceiptRow[], own: typeof logKey, other: typeof logKey) =>
    rows.map(({ line, proof }) => ({
      name: `receipt by ${own.name} of ${parseReceipt(proof).seq}`,
      run: async () => {
        same(formatReceipt(parseReceipt(proof)), proof, "written again");
        const { seq, checkpoint: opened } = await checkReceipt(proof, line, [own]);
        same(seq, parseReceipt(proof).seq);
        holds(opened.signers[0] === own, "its signer");
        await refuses(() => checkReceipt(proof, line, [other]), ["signature_invalid"]);
      },
    }));
  return [
    ...good(receipt.good, logKey, receiptKey),
    ...good(receipt.good_unsealed, receiptKey, logKey),
    ...receipt.refused.map(({ line, proof, why }) => ({
      name: `receipt refused: ${why}`,
      run: async () => {
        await refuses(
          () => checkReceipt(proof, line, [logKey, receiptKey]),
          ["invalid_receipt", "signature_invalid"],
        );
      },
    })),
    {
      name: "the log key does not verify what the receipt key signed",
      run: async () => {
        await refuses(
          () => openCheckpoint(checkpoint.good[1]!.note, [receiptKey]),
          ["signature_invalid"],
        );
      },
    },
  ];
}
