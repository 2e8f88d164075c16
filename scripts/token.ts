/**
 * `npm run token -- VERB`: tokens without one, for whoever owns the data folder. If the instance runs it is asked, through
 * the operator's socket; if not, the folder is opened. Each change is an entry of `_system`.
 *
 *   create --role admin --log '*' [--role …] [--log …] [--network …] [--expires …] [--description …] [--out FILE]
 *   list
 *   revoke ID
 *   rotate ID [--overlap SECONDS] [--expires …] [--out FILE]
 *
 * --expires: a time like 2027-01-31T00:00:00Z, or never; 90 days unless given. A new token is printed once, alone, on
 * standard output, or goes to a new FILE that only its owner may read. Exit code 0: done; 1: refused; 2: could not run.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { userInfo } from "node:os";
import { escapeControls } from "../storage/printable.ts";
import { makeToken, TOKEN_RANDOM_BYTES, tokenSha256Hex } from "../storage/token.ts";
import { ConfigError, readCommand, type Config } from "./config.ts";
import { DataFolderInUse } from "./parts/data-folder.ts";
import { withStores } from "./parts/stores.ts";
import { formatTable } from "./parts/table.ts";
import { DeskRefused, type Desk, type TokenRow } from "./token/desk.ts";
import { withOfflineDesk } from "./token/offline.ts";
import { findOnlineDesk } from "./token/online.ts";
import { readTokenRequest, TOKEN_FLAGS, type TokenRequest } from "./token/request.ts";
import { userPath } from "./verify/source.ts";

const say = (message: string): void => void process.stderr.write(`${escapeControls(message)}\n`);

try {
  await main();
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = error instanceof DeskRefused ? 1 : 2;
}

async function main(): Promise<void> {
  // Only a start needs to be told for how long the instance's own logs are kept.
  const env = { INDELIBLE_SYSTEM_RETENTION_DAYS: "1", ...process.env };
  const { config, flags, words } = readCommand(process.argv.slice(2), env, TOKEN_FLAGS);
  const request = readTokenRequest(flags, words, Date.now());
  if (!existsSync(join(config.dataDir, "instance.json"))) {
    throw new Error(`There is no instance in ${config.dataDir}: set INDELIBLE_DATA, or npm start.`);
  }
  await withDesk(config, (desk) => serve(desk, request));
}

/** The name under which the operator stands in `_system`. */
function operatorName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}

async function withDesk(config: Config, use: (desk: Desk) => Promise<void>): Promise<void> {
  try {
    await withStores(config, say, (stores, data) =>
      withOfflineDesk(stores, data, operatorName(), { randomBytes, say }, use),
    );
  } catch (error) {
    if (!(error instanceof DataFolderInUse)) throw error;
    const desk = await findOnlineDesk(config.dataDir, operatorName());
    if (desk === null) throw error;
    await use(desk);
  }
}

async function serve(desk: Desk, request: TokenRequest): Promise<void> {
  switch (request.verb) {
    case "list":
      return print(formatTokens(await desk.list()));
    case "revoke": {
      const { sealed } = await desk.revoke(request.id);
      return say(`Token ${request.id} is revoked${sealedWords(sealed)}`);
    }
    case "create":
    case "rotate":
      return handOut(desk, request);
    default:
      return request satisfies never;
  }
}

/** The file is made first: what cannot be handed out is not made. */
async function handOut(
  desk: Desk,
  request: Extract<TokenRequest, { verb: "create" | "rotate" }>,
): Promise<void> {
  const { id, token } = makeToken(randomBytes(TOKEN_RANDOM_BYTES));
  const sha256 = tokenSha256Hex(token);
  const file = request.out === null ? null : userPath(request.out);
  if (file !== null) await writeNewSecret(file, token);
  try {
    const { sealed } = await ask(desk, request, { id, sha256 });
    say(`Token ${id} works${sealedWords(sealed)}`);
    const { expires_at } = request;
    say(expires_at === null ? "It does not expire." : `It expires at ${expires_at}.`);
  } catch (error) {
    if (file !== null) await rm(file);
    throw error;
  }
  if (file === null) print([token]);
}

function ask(
  desk: Desk,
  request: Extract<TokenRequest, { verb: "create" | "rotate" }>,
  secret: { readonly id: string; readonly sha256: string },
): Promise<{ readonly sealed: boolean }> {
  const { expires_at } = request;
  if (request.verb === "rotate") {
    const { id, overlapSeconds } = request;
    return desk.rotate({ id, to: { ...secret, expires_at }, overlapSeconds });
  }
  const { roles, logs, networks, description } = request;
  return desk.create({ ...secret, roles, logs, expires_at, networks, description });
}

function sealedWords(sealed: boolean): string {
  return sealed
    ? ", and its entry in _system is sealed."
    : "; its entry in _system waits for its seal.";
}

/** Refuses a file that exists: it may be another token. */
async function writeNewSecret(path: string, text: string): Promise<void> {
  const file = await open(path, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
    throw new ConfigError("--out", `${path} exists already, and may hold another token.`);
  });
  try {
    await file.writeFile(`${text}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

function formatTokens(tokens: readonly TokenRow[]): string[] {
  const head = ["id", "state", "roles", "logs", "until", "last used", "made by", "description"];
  const rows = tokens.map((token) => [
    token.id,
    token.state,
    token.roles.join(","),
    token.logs.join(","),
    token.ends_at ?? token.expires_at ?? "for ever",
    token.last_used_at ?? "never",
    token.created_by,
    token.description,
  ]);
  return formatTable(
    head,
    rows.map((row) => row.map(escapeControls)),
  );
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}
