/**
 * The listener's certificate and private key: two PEM files of the operator's, checked before anything starts, so that
 * a wrong one is a refusal with the setting's name and not a listener that nobody can speak to.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";
import { ConfigError, type TlsFiles } from "../config.ts";

/** A chain has some 5 KB; what is larger was not meant. */
const FILE_BYTES_MAX = 256 * 1024;
/** NIST SP 800-57 part 1, table 2: shorter RSA keys are not to be used any more. */
const RSA_BITS_MIN = 2_048;
/** Those that clients of every kind take, and workerd serves (NIST SP 800-186). */
const CURVES = ["prime256v1", "secp384r1", "secp521r1"];
/** From here on the end is said aloud: renewal is due long before. */
const EXPIRES_SOON_MS = 14 * 86_400_000;

const CERT = "INDELIBLE_TLS_CERT";
const KEY = "INDELIBLE_TLS_KEY";

export interface Tls {
  /** PEM, the listener's own certificate first. */
  readonly certificateChain: string;
  /** PEM, PKCS #8. */
  readonly privateKey: string;
  readonly leaf: X509Certificate;
  /** What a person should hear of it. */
  readonly warnings: readonly string[];
}

/** Reads and checks both files. Throws `ConfigError` with the name of the one that is wrong. */
export function readTls({ certFile, keyFile }: TlsFiles, nowMs: number = Date.now()): Tls {
  const chain = parseChain(readSmall(CERT, certFile), certFile);
  const leaf = chain[0]!;
  const key = parseKey(readSmall(KEY, keyFile), keyFile);
  assertStrong(key, keyFile);
  if (!leaf.checkPrivateKey(key)) {
    throw new ConfigError(
      KEY,
      `(${keyFile}) is not the key of the first certificate in ${certFile}.`,
    );
  }
  assertValid(leaf, certFile, nowMs);
  return {
    certificateChain: chain.map(String).join(""),
    privateKey: key.export({ type: "pkcs8", format: "pem" }).toString(),
    leaf,
    warnings: [...openKey(keyFile), ...expiresSoon(leaf, nowMs)],
  };
}

/** The host to reach it by under this certificate: the one that it listens on, or else a name of the certificate. */
export function hostUnder(leaf: X509Certificate, host: string): string {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  const isCovered = isIP(bare) ? leaf.checkIP(bare) : leaf.checkHost(bare);
  if (isCovered !== undefined) return host;
  const names = (leaf.subjectAltName ?? "").split(", ");
  const name = names.find((text) => text.startsWith("DNS:") && !text.includes("*"));
  return name === undefined ? host : name.slice("DNS:".length);
}

/** True where nobody but the certificate itself vouches for it. */
export function isSelfSigned(leaf: X509Certificate): boolean {
  return leaf.checkIssued(leaf) && leaf.verify(leaf.publicKey);
}

function readSmall(setting: string, file: string): string {
  try {
    if (statSync(file).size > FILE_BYTES_MAX) throw new Error("it is too large for a PEM file");
    return readFileSync(file, "latin1");
  } catch (error) {
    throw new ConfigError(setting, `(${file}) cannot be read: ${(error as Error).message}`);
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

function parseChain(text: string, file: string): X509Certificate[] {
  const blocks = text.match(CERTIFICATE);
  if (blocks === null) throw new ConfigError(CERT, `(${file}) holds no certificate in PEM form.`);
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      const which = `certificate ${index + 1} of ${blocks.length}`;
      throw new ConfigError(CERT, `(${file}): ${which} is damaged: ${(error as Error).message}`);
    }
  });
}

/** OpenSSL's own words are not passed on: they are of no help, and the file is a secret. */
function parseKey(text: string, file: string): KeyObject {
  if (/-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(text)) {
    throw new ConfigError(
      KEY,
      `(${file}) is encrypted; give the key without a passphrase, mode 0600.`,
    );
  }
  try {
    return createPrivateKey(text);
  } catch {
    throw new ConfigError(KEY, `(${file}) holds no private key in PEM form.`);
  }
}

/** What workerd can serve TLS with, and nobody can guess. */
function assertStrong(key: KeyObject, file: string): void {
  const kind = key.asymmetricKeyType;
  const { modulusLength: bits = 0, namedCurve: curve = "" } = key.asymmetricKeyDetails ?? {};
  if (kind === "ec" && CURVES.includes(curve)) return;
  if (kind === "rsa" && bits >= RSA_BITS_MIN) return;
  const found = kind === "rsa" ? `RSA with ${bits} bits` : `${kind} ${curve}`.trim();
  const needed = `RSA with ${RSA_BITS_MIN} bits or more, or an EC key on P-256, P-384 or P-521`;
  throw new ConfigError(KEY, `(${file}) is ${found}; needed is ${needed}.`);
}

function assertValid(leaf: X509Certificate, file: string, nowMs: number): void {
  if (nowMs > Date.parse(leaf.validTo)) {
    throw new ConfigError(CERT, `(${file}) expired on ${leaf.validTo}.`);
  }
  if (nowMs < Date.parse(leaf.validFrom)) {
    throw new ConfigError(CERT, `(${file}) is valid only from ${leaf.validFrom} on.`);
  }
}

function openKey(file: string): string[] {
  const others = statSync(file).mode & 0o007;
  return others === 0 ? [] : [`${KEY} (${file}) can be read by every user of this machine.`];
}

function expiresSoon(leaf: X509Certificate, nowMs: number): string[] {
  const isSoon = Date.parse(leaf.validTo) - nowMs < EXPIRES_SOON_MS;
  return isSoon ? [`The certificate of ${CERT} expires on ${leaf.validTo}.`] : [];
}
