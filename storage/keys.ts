/**
 * Signers and verification over WebCrypto Ed25519 (RFC 8032), which Node and workerd both have: a few
 * times faster than noble. The log key comes from its seed, a receipt key is made here and never leaves.
 */
import { fromBase64Url } from "./log/bytes.ts";
import { formatVkey, type NoteSigner, type Verify } from "./log/note.ts";
import type { Signer } from "./ports.ts";

const SEED_BYTES = 32;

/** Node and workerd name this type in different libraries. */
type KeyHandle = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** PKCS #8 (RFC 8410 §7) around a 32-byte Ed25519 seed: everything before the seed is constant. */
const PKCS8_PREFIX = new Uint8Array([
  0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
]);

/** The signer of a key pair that lives as long as the process. */
export async function newKeyPairSigner(): Promise<Signer> {
  const pair = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as {
    privateKey: KeyHandle;
    publicKey: KeyHandle;
  };
  return keyPairSigner(pair.privateKey, await rawPublicKey(pair.publicKey));
}

/** The signer of a 32-byte seed (RFC 8032 §5.1.5). Throws if it has another length. */
export async function seedSigner(seed: Uint8Array): Promise<Signer> {
  if (seed.length !== SEED_BYTES) throw new Error(`an Ed25519 seed has ${SEED_BYTES} bytes`);
  const pkcs8 = new Uint8Array(PKCS8_PREFIX.length + SEED_BYTES);
  pkcs8.set(PKCS8_PREFIX);
  pkcs8.set(seed, PKCS8_PREFIX.length);
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
  return keyPairSigner(key, await rawPublicKey(key));
}

/** Verifies with WebCrypto, keeping imported keys: a log has few. */
export function webCryptoVerify(): Verify {
  const keys = new Map<string, Promise<KeyHandle>>();
  return async (signature, message, publicKey) => {
    const name = publicKey.join();
    const key =
      keys.get(name) ??
      crypto.subtle.importKey("raw", new Uint8Array(publicKey), "Ed25519", false, ["verify"]);
    keys.set(name, key);
    return crypto.subtle.verify(
      "Ed25519",
      await key,
      new Uint8Array(signature),
      new Uint8Array(message),
    );
  };
}

function keyPairSigner(privateKey: KeyHandle, publicKey: Uint8Array): Signer {
  const signers = new Map<string, NoteSigner>();
  return {
    async signer(name) {
      const found = signers.get(name);
      if (found !== undefined) return found;
      const signer: NoteSigner = {
        vkey: formatVkey(name, publicKey),
        async sign(message) {
          const data = new Uint8Array(message);
          return new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, data));
        },
      };
      signers.set(name, signer);
      return signer;
    },
  };
}

async function rawPublicKey(key: KeyHandle): Promise<Uint8Array> {
  const { x } = (await crypto.subtle.exportKey("jwk", key)) as { x?: string };
  return fromBase64Url(x as string);
}
