/** The vault as somebody else sees it: a stock S3 client (the `minio` package) with credentials from the data folder. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "minio";
import { LOCAL_REGION, type MinioSecrets } from "../../scripts/parts/minio.ts";
import type { VaultConfig } from "../../storage/vault/client.ts";

export interface Store {
  readonly client: Client;
  readonly bucket: string;
}

/** By `auditor.env`, which is all that an auditor is given. */
export async function auditorStore(dataDir: string): Promise<Store> {
  const values = await auditorEnv(dataDir);
  return storeOf(dataDir, {
    accessKey: values["AWS_ACCESS_KEY_ID"]!,
    secretKey: values["AWS_SECRET_ACCESS_KEY"]!,
  });
}

/** By a user of MinIO that only the instance itself should have. */
export function secretStore(dataDir: string, who: "worker" | "auditor" | "root"): Store {
  const secrets = JSON.parse(
    readFileSync(join(dataDir, "keys", "minio.json"), "utf8"),
  ) as MinioSecrets;
  return storeOf(dataDir, secrets[who]);
}

/** The worker's own way to the vault, in the hands of somebody who has its key. */
export function workerVault(dataDir: string): VaultConfig {
  const path = join(dataDir, "keys", "minio.json");
  const { worker } = JSON.parse(readFileSync(path, "utf8")) as MinioSecrets;
  const text = readFileSync(join(dataDir, "auditor.env"), "utf8");
  const value = (name: string): string => new RegExp(`^${name}=(.*)$`, "m").exec(text)![1]!;
  const [endpoint, bucket] = [value("S3_ENDPOINT"), value("S3_BUCKET")];
  return { endpoint, bucket, region: LOCAL_REGION, ...worker };
}

function storeOf(dataDir: string, keys: { accessKey: string; secretKey: string }): Store {
  const text = readFileSync(join(dataDir, "auditor.env"), "utf8");
  const endpoint = new URL(/^S3_ENDPOINT=(.*)$/m.exec(text)![1]!);
  const client = new Client({
    endPoint: endpoint.hostname,
    port: Number(endpoint.port),
    useSSL: false,
    region: LOCAL_REGION,
    ...keys,
  });
  return { client, bucket: /^S3_BUCKET=(.*)$/m.exec(text)![1]! };
}

async function auditorEnv(dataDir: string): Promise<Record<string, string>> {
  const text = await readFile(join(dataDir, "auditor.env"), "utf8");
  return Object.fromEntries(
    text
      .split("\n")
      .filter((line) => line.includes("="))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

/** The bytes of one version. */
export async function getObject(
  { client, bucket }: Store,
  key: string,
  versionId: string,
): Promise<Buffer> {
  const stream = await client.getObject(bucket, key, { versionId });
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

export interface StoredVersion {
  readonly key: string;
  readonly versionId: string;
  readonly deleteMarker: boolean;
}

/** Every version under a prefix. */
export async function listVersions(
  { client, bucket }: Store,
  prefix: string,
): Promise<StoredVersion[]> {
  const versions: StoredVersion[] = [];
  const stream = client.listObjects(bucket, prefix, true, { IncludeVersion: true });
  for await (const item of stream as AsyncIterable<{
    name: string;
    versionId?: string;
    isDeleteMarker?: boolean;
  }>) {
    versions.push({
      key: item.name,
      versionId: item.versionId ?? "null",
      deleteMarker: item.isDeleteMarker === true,
    });
  }
  return versions;
}
