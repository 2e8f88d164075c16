/** Certificates for tests: made anew, signed by themselves, for `localhost` and 127.0.0.1 unless said otherwise. */
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generate } from "selfsigned";

const DAY_MS = 86_400_000;

export interface CertificateOptions {
  readonly fromDays?: number;
  readonly untilDays?: number;
  readonly names?: readonly string[];
  readonly addresses?: readonly string[];
  readonly rsaBits?: number;
}

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export async function makeCertificate(options: CertificateOptions = {}): Promise<Certificate> {
  const {
    fromDays = -1,
    untilDays = 90,
    names = ["localhost"],
    addresses = ["127.0.0.1"],
  } = options;
  const made = await generate([{ name: "commonName", value: "Indelible's tests" }], {
    algorithm: "sha256",
    ...(options.rsaBits ? { keyType: "rsa", keySize: options.rsaBits } : { keyType: "ec" }),
    notBeforeDate: new Date(Date.now() + fromDays * DAY_MS),
    notAfterDate: new Date(Date.now() + untilDays * DAY_MS),
    extensions: [
      {
        name: "subjectAltName",
        altNames: [
          ...names.map((value) => ({ type: 2 as const, value })),
          ...addresses.map((ip) => ({ type: 7 as const, ip })),
        ],
      },
    ],
  });
  return { cert: made.cert, key: made.private };
}

/** Writes a pair where a start can be told to find it. */
export async function writeCertificate(dir: string, { cert, key }: Certificate) {
  const files = { certFile: join(dir, "cert.pem"), keyFile: join(dir, "key.pem") };
  await writeFile(files.certFile, cert);
  await writeFile(files.keyFile, key, { mode: 0o600 });
  await chmod(files.keyFile, 0o600);
  return files;
}
