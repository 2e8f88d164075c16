/** The contract of `Vault` on MinIO as it is provisioned, with the worker's key, and in memory. */
import { after, before } from "node:test";
import { MinioVault } from "../../storage/vault/vault.ts";
import { startMinio } from "../parts/minio.ts";
import type { TestMinio } from "../parts/minio.ts";
import { vaultContract } from "./contract.ts";
import { MemoryVault } from "./memory-vault.ts";

let minio: TestMinio;
before(async () => {
  minio = await startMinio();
});
after(() => minio.stop());

vaultContract("MinIO", () => new MinioVault({ ...minio, ...minio.worker }));
const memory = new MemoryVault();
vaultContract("memory", () => memory);
