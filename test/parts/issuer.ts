/** A real issuer for tests, which can go away and come back with other keys, and what asks it for tokens. */
import { spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { exportJWK, generateKeyPair, type CryptoKey, type JWK } from "jose";
import { atExit } from "./kill-at-exit.ts";

const PROGRAM = fileURLToPath(new URL("issuer-process.mjs", import.meta.url));
const CLIENT = { clientId: "billing", clientSecret: "only-for-tests-only-for-tests" };
const REDIRECT = "https://app.example.org/callback";
const START_LIMIT_MS = 30_000;

/** A key pair as issuers have them. */
export interface SigningKey {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  /** With the private part, the key id and the algorithm. */
  readonly jwk: JWK;
  readonly publicJwk: JWK;
}

export async function newSigningKey(kid: string, alg: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const named = { kid, alg, use: "sig" };
  const jwk = { ...(await exportJWK(privateKey)), ...named };
  return { privateKey, publicKey, jwk, publicJwk: { ...(await exportJWK(publicKey)), ...named } };
}

export interface IssuerOptions {
  readonly keys: readonly SigningKey[];
  readonly alg: string;
  readonly audience: string;
  readonly groups: readonly string[];
}

export interface TestIssuer {
  /** `http://127.0.0.1:<port>`, the same after it was started again. */
  readonly url: string;
  /** An application's access token. */
  appToken(): Promise<string>;
  /** The ID token of a person, alice, who signed in with a browser. */
  personToken(): Promise<string>;
  /** How often a path was asked for since it was started. */
  asked(path: string): Promise<number>;
  stop(): Promise<void>;
  start(keys: readonly SigningKey[]): Promise<void>;
}

export async function startIssuer(options: IssuerOptions): Promise<TestIssuer> {
  let { child, url } = await spawnIssuer(options, 0);
  const { port } = new URL(url);
  return {
    url,
    appToken: () => appToken(url),
    personToken: () => personToken(url),
    asked: async (path) => {
      const asked = (await (await fetch(`${url}/asked`)).json()) as Record<string, number>;
      return asked[path] ?? 0;
    },
    stop: () => end(child),
    start: async (keys) => {
      ({ child, url } = await spawnIssuer({ ...options, keys }, Number(port)));
    },
  };
}

async function spawnIssuer(
  { keys, ...options }: IssuerOptions,
  port: number,
): Promise<{ child: ChildProcess; url: string }> {
  const settings = { ...CLIENT, ...options, port, keys: keys.map(({ jwk }) => jwk) };
  const child = spawn(process.execPath, [PROGRAM], { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end(JSON.stringify(settings));
  const forget = atExit(() => child.kill("SIGKILL"));
  child.once("exit", forget);
  let said = "";
  child.stderr.on("data", (data) => (said += String(data)));
  return new Promise((resolve, reject) => {
    const fail = () => reject(new Error(`the issuer did not start:\n${said}`));
    const limit = setTimeout(fail, START_LIMIT_MS);
    child.once("exit", fail);
    createInterface({ input: child.stdout }).once("line", (url) => {
      clearTimeout(limit);
      resolve({ child, url });
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise((resolve) => {
    child.once("exit", resolve);
    child.kill("SIGKILL");
  });
}

async function appToken(url: string): Promise<string> {
  const answer = await askToken(url, { grant_type: "client_credentials", scope: "audit" });
  return answer["access_token"]!;
}

/** The authorization code flow with PKCE, as a browser goes through it. */
async function personToken(url: string): Promise<string> {
  const verifier = "a".repeat(64);
  const query = new URLSearchParams({
    ...{ client_id: CLIENT.clientId, redirect_uri: REDIRECT, response_type: "code" },
    ...{ scope: "openid", nonce: "n", code_challenge_method: "S256" },
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
  });
  const cookies = new Map<string, string>();
  let at = `${url}/auth?${query.toString()}`;
  while (at.startsWith(url)) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await fetch(at, { redirect: "manual", headers: { cookie } });
    for (const set of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set)!;
      cookies.set(name!, value!);
    }
    const location = answer.headers.get("location");
    if (location === null) throw new Error(`${answer.status} ${await answer.text()}`);
    at = new URL(location, url).href;
  }
  const code = new URL(at).searchParams.get("code");
  if (code === null) throw new Error(`no code in ${at}`);
  const answer = await askToken(url, {
    ...{ grant_type: "authorization_code", code, redirect_uri: REDIRECT },
    code_verifier: verifier,
  });
  return answer["id_token"]!;
}

async function askToken(url: string, form: Record<string, string>) {
  const { clientId, clientSecret } = CLIENT;
  const answer = await fetch(`${url}/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` },
    body: new URLSearchParams(form),
  });
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Record<string, string>;
}
