/** Verifier keys, signed notes and checkpoints: strict readers, every changed byte refused. */
import assert from "node:assert/strict";
import test from "node:test";
import { decodeUtf8, encodeUtf8, fromBase64, toBase64 } from "../../storage/log/bytes.ts";
import {
  formatCheckpoint,
  logOfOrigin,
  logOrigin,
  openCheckpoint,
  parseCheckpoint,
  signCheckpoint,
} from "../../storage/log/checkpoint.ts";
import { LogError, type LogErrorCode } from "../../storage/log/errors.ts";
import { sha256 } from "../../storage/log/hash.ts";
import { formatVkey, openNote, parseNote, parseVkey, signNote } from "../../storage/log/note.ts";
import { keyOf } from "../../storage/log/vkey.ts";
import {
  DemoLog,
  logKey,
  logSigner,
  ORIGIN,
  otherSigner,
  receiptKey,
  receiptSigner,
} from "./demo-log.ts";
import { signerOf } from "./keys.ts";
import { nodeVerify } from "./node-verify.ts";

const REFUSALS: readonly LogErrorCode[] = [
  "invalid_note",
  "invalid_checkpoint",
  "signature_invalid",
  "invalid_text",
];
const refusal = (error: unknown) => error instanceof LogError && REFUSALS.includes(error.code);
const code = (expected: LogErrorCode) => (error: unknown) =>
  error instanceof LogError && error.code === expected;

const log = new DemoLog();
log.append(5);
const note = await log.checkpoint();

test("every byte of a checkpoint's note, changed in any bit, removed or doubled, is refused", async () => {
  const bytes = encodeUtf8(note);
  const open = async (mutant: Uint8Array) =>
    openCheckpoint(decodeUtf8(mutant), [logKey, receiptKey], nodeVerify);
  await open(bytes);
  for (let i = 0; i < bytes.length; i++) {
    for (let bit = 1; bit < 256; bit *= 2) {
      await assert.rejects(open(bytes.with(i, bytes[i]! ^ bit)), refusal, `byte ${i} bit ${bit}`);
    }
    const without = Uint8Array.from([...bytes].toSpliced(i, 1));
    await assert.rejects(open(without), refusal, `byte ${i} removed`);
    const doubled = Uint8Array.from([...bytes].toSpliced(i, 0, bytes[i]!));
    await assert.rejects(open(doubled), refusal, `byte ${i} doubled`);
  }
});

test("one key's good signature does not cover another's bad one", async () => {
  const other = signerOf("witness.example", new Uint8Array(32).fill(9));
  const { text } = parseNote(note);
  const theirs = (await signNote(text, other)).slice(text.length + 1);
  const both = note + theirs;
  const keys = [logKey, parseVkey(other.vkey)];
  assert.deepEqual((await openNote(both, keys)).signers, keys);
  assert.deepEqual(
    (await openNote(both, [logKey])).signers,
    [logKey],
    "unknown keys are passed over",
  );
  assert.deepEqual((await openNote(both + theirs, keys)).signers, keys, "each signer once");
  const bad = both.replace(theirs, (await signNote(`${text}x\n`, other)).slice(text.length + 3));
  assert.deepEqual((await openNote(bad, [logKey])).signers, [logKey]);
  await assert.rejects(openNote(bad, keys), code("signature_invalid"));
});

test("a key that is known under another name or id has not signed", async () => {
  await assert.rejects(openNote(note, [parseVkey(otherSigner.vkey)]), code("signature_invalid"));
  const renamed = keyOf("test.example/other", logKey.publicKey);
  await assert.rejects(openNote(note, [renamed]), code("signature_invalid"));
  await assert.rejects(openNote(note, []), code("signature_invalid"));
});

test("a checkpoint counts only if a key of its own origin has signed it", async () => {
  const root = sha256(encodeUtf8("root"));
  const foreign = { ...logSigner, vkey: formatVkey("test.example/other", logKey.publicKey) };
  const forged = await signNote(formatCheckpoint({ origin: ORIGIN, size: 1, root }), foreign);
  const key = parseVkey(foreign.vkey);
  assert.equal((await openNote(forged, [key])).signers.length, 1);
  await assert.rejects(openCheckpoint(forged, [key, logKey]), code("signature_invalid"));
  await assert.rejects(
    signCheckpoint({ origin: ORIGIN, size: 1, root }, foreign),
    code("invalid_checkpoint"),
  );
  const acknowledged = await log.checkpoint(receiptSigner);
  assert.deepEqual((await openCheckpoint(acknowledged, [logKey, receiptKey])).signers, [
    receiptKey,
  ]);
  await assert.rejects(openCheckpoint(acknowledged, [logKey]), code("signature_invalid"));
});

test("the platform's Ed25519 can stand in, and sees the same", async () => {
  assert.equal((await openCheckpoint(note, [logKey], nodeVerify)).size, 5);
  const bad = note.replace("\n5\n", "\n6\n");
  await assert.rejects(openCheckpoint(bad, [logKey], nodeVerify), code("signature_invalid"));
  await assert.rejects(
    openCheckpoint(note, [logKey], async () => false),
    code("signature_invalid"),
  );
});

test("checkpoints are read only as they are written", () => {
  const root = sha256(new Uint8Array());
  for (const size of [0, 1, 2 ** 53 - 1]) {
    const checkpoint = { origin: ORIGIN, size, root };
    assert.deepEqual(parseCheckpoint(formatCheckpoint(checkpoint)), checkpoint);
  }
  const base64 = toBase64(root);
  for (const text of [
    "",
    `${ORIGIN}\n1\n${base64}`,
    `${ORIGIN}\n1\n${base64}\n\n`,
    `${ORIGIN}\n1\n${base64}\nextension\n`,
    `${ORIGIN}\n01\n${base64}\n`,
    `${ORIGIN}\n+1\n${base64}\n`,
    `${ORIGIN}\n-1\n${base64}\n`,
    `${ORIGIN}\n1.0\n${base64}\n`,
    `${ORIGIN}\n1e3\n${base64}\n`,
    `${ORIGIN}\n0x1\n${base64}\n`,
    `${ORIGIN}\n\n${base64}\n`,
    `${ORIGIN}\n9007199254740992\n${base64}\n`,
    `${ORIGIN}\n1\n${base64.slice(0, -1)}\n`,
    `${ORIGIN}\n1\n${toBase64(root.subarray(1))}\n`,
    `\n1\n${base64}\n`,
    `a b\n1\n${base64}\n`,
    `a+b\n1\n${base64}\n`,
  ]) {
    assert.throws(() => parseCheckpoint(text), code("invalid_checkpoint"), text);
  }
  assert.equal(logOfOrigin(logOrigin("a.example/b", "demo")), "demo");
});

test("notes are read only in their form", () => {
  const signature = note.slice(note.indexOf("\u2014"));
  for (const text of [
    "",
    "\n",
    "\n\n",
    "text\n",
    "text\n\n",
    `text\n${signature}`,
    `\n\n${signature}`,
    `text\n\n${signature}\n`,
    `text\n\n${signature.slice(0, -1)}`,
    `text\n\n-${signature.slice(1)}`,
    `text\n\n${signature.replace(" ", "  ")}`,
    `text\n\n\u2014 name AAAA\n`,
    `text\n\n\u2014 name AAAAAA=\n`,
    `text\n\n\u2014 na+me ${"A".repeat(92)}\n`,
    `text\n\n\u2014 ${"A".repeat(92)}\n`,
    `te\txt\n\n${signature}`,
    `te\u007fxt\n\n${signature}`,
    `text\r\n\n${signature}`,
    `text\n\n${signature.repeat(101)}`,
    `${"x".repeat(70_000)}\n\n${signature}`,
  ]) {
    assert.throws(() => parseNote(text), code("invalid_note"), JSON.stringify(text.slice(0, 60)));
  }
  assert.equal(parseNote(`a\n\nb\n\n${signature}`).text, "a\n\nb\n");
});

test("what cannot be a note is not signed", async () => {
  for (const text of ["", "\n", "text", "te\rxt\n", "te\u0000xt\n"]) {
    await assert.rejects(signNote(text, logSigner), code("invalid_note"), JSON.stringify(text));
  }
  const silent = { ...logSigner, sign: async () => new Uint8Array(3) };
  await assert.rejects(signNote("text\n", silent), code("invalid_note"));
});

test("verifier keys are read only as they are written", () => {
  const { vkey } = logSigner;
  assert.equal(formatVkey(ORIGIN, logKey.publicKey), vkey);
  const [name, id, base64] = [ORIGIN, vkey.split("+")[1]!, vkey.slice(ORIGIN.length + 10)];
  assert.equal(`${name}+${id}+${base64}`, vkey);
  const typed = fromBase64(base64);
  for (const text of [
    "",
    name,
    `${name}+${id}`,
    `${name}+${id}+`,
    `+${id}+${base64}`,
    `${name}x+${id}+${base64}`,
    `${name}+${id.toUpperCase()}+${base64}`,
    `${name}+00000000+${base64}`,
    `${name}+0${id}+${base64}`,
    `${name}+${id}+${base64}=`,
    `${name}+${id}+${toBase64(typed.with(0, 4))}`,
    `${name}+${id}+${toBase64(typed.with(9, typed[9]! ^ 1))}`,
    `${name}+${id}+${toBase64(typed.subarray(0, 32))}`,
    `a b+${id}+${base64}`,
    `${vkey}\n`,
    ` ${vkey}`,
  ]) {
    assert.throws(() => parseVkey(text), code("invalid_vkey"), text);
  }
  assert.throws(() => formatVkey("a+b", logKey.publicKey), code("invalid_vkey"));
  assert.throws(() => formatVkey("a", new Uint8Array(31)), code("invalid_vkey"));
});
