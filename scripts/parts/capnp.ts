/**
 * workerd's own configuration, written from `wrangler.toml` and what a start knows (ports, folders,
 * variables). Secrets are not in it: they are bindings that workerd reads from its environment.
 */
import { parse } from "smol-toml";

/** The part of `wrangler.toml` that is understood here. A binding of another kind would be missing: see `check`. */
interface WranglerToml {
  readonly main: string;
  readonly compatibility_date: string;
  readonly compatibility_flags?: readonly string[];
  readonly vars?: Readonly<Record<string, unknown>>;
  readonly rules?: readonly { readonly type: string; readonly globs: readonly string[] }[];
  readonly durable_objects?: {
    readonly bindings: readonly { readonly name: string; readonly class_name: string }[];
  };
  readonly migrations?: readonly { readonly new_sqlite_classes?: readonly string[] }[];
}

const UNDERSTOOD = new Set([
  ...["name", "main", "compatibility_date", "compatibility_flags", "upload_source_maps", "rules"],
  ...["vars", "durable_objects", "migrations", "build"],
]);

export interface CapnpOptions {
  /** The text of `wrangler.toml`. */
  readonly wranglerToml: string;
  /** Names of the bundle's files; they lie beside the configuration. */
  readonly files: readonly string[];
  /** Replace and add to `[vars]`. */
  readonly vars: Readonly<Record<string, string>>;
  /** Bindings whose values are in workerd's environment. */
  readonly secrets: readonly string[];
  /** Folders that the worker may write, by the name of their binding. */
  readonly disks: Readonly<Record<string, string>>;
  /** Services on loopback that the worker calls, `host:port` by the name of their binding. */
  readonly externals: Readonly<Record<string, string>>;
  /** Whether the binding `OUTSIDE` reaches loopback and private addresses too. */
  readonly privateAllowed: boolean;
  /** Where Durable Objects keep their storage. */
  readonly storageDir: string;
  /** The public socket, `host:port`. The operator's is on loopback and takes any port. */
  readonly listen: string;
  /** Names of PEM files beside the configuration; `null`: the public socket speaks plain HTTP. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | null;
}

/** The public socket's name on the control pipe, and the operator's. */
export const HTTP_SOCKET = "http";
export const OPERATOR_SOCKET = "operator";

/** The binding, and the service behind it, for calls to where somebody may have pointed us: see `worker/outgoing.ts`. */
const OUTSIDE = "OUTSIDE";

/** The configuration's text (Cap'n Proto). */
export function writeCapnp(options: CapnpOptions): string {
  const toml = parse(options.wranglerToml) as unknown as WranglerToml;
  check(toml);
  const disks = Object.entries(options.disks);
  const externals = Object.entries(options.externals);
  const outsideAllow = JSON.stringify(["public", ...(options.privateAllowed ? ["private"] : [])]);
  return `# Written at each start from wrangler.toml; changes made here are lost.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
    (name = ${text(OUTSIDE)}, network = (allow = ${outsideAllow}, tlsOptions = (trustBrowserCas = true))),
    ${disk("storage", options.storageDir)},
    ${disks.map(([name, path]) => `${disk(name, path)},`).join("\n    ")}
    ${externals.map(([name, address]) => `${external(name, address)},`).join("\n    ")}
  ],
  sockets = [
    (name = ${text(HTTP_SOCKET)}, address = ${text(options.listen)}, ${protocol(options)}, service = "main"),
    (name = ${text(OPERATOR_SOCKET)}, address = "127.0.0.1:0", http = (),
      service = (name = "main", entrypoint = "Operator")),
  ],
);

const main :Workerd.Worker = (
  modules = [
    ${modules(toml, options.files).join(",\n    ")}
  ],
  compatibilityDate = ${text(toml.compatibility_date)},
  compatibilityFlags = ${JSON.stringify(toml.compatibility_flags ?? [])},
  bindings = [
    ${bindings(toml, options).join(",\n    ")}
  ],
  durableObjectNamespaces = [
    ${durableObjects(toml).join(",\n    ")}
  ],
  durableObjectStorage = (localDisk = "storage"),
);
`;
}

/** What is not understood would be left out silently, and the worker would find out too late. */
function check(toml: WranglerToml): void {
  const unknown = Object.keys(toml).filter((key) => !UNDERSTOOD.has(key));
  if (unknown.length > 0) {
    throw new Error(
      `wrangler.toml has ${unknown.join(", ")}, which scripts/parts/capnp.ts does not know.`,
    );
  }
}

/** JSON strings are Cap'n Proto strings. */
const text = (value: string): string => JSON.stringify(value);

/** TLS 1.0 and 1.1 are not to be used (RFC 8996). Of ciphers workerd offers Mozilla's intermediate list. */
function protocol({ tls }: CapnpOptions): string {
  if (tls === null) return "http = ()";
  const keypair = `privateKey = embed ${text(tls.keyFile)}, certificateChain = embed ${text(tls.certFile)}`;
  return `https = (options = (), tlsOptions = (keypair = (${keypair}), minVersion = tls1Dot2))`;
}

function disk(name: string, path: string): string {
  return `(name = ${text(name)}, disk = (path = ${text(path)}, writable = true))`;
}

function external(name: string, address: string): string {
  return `(name = ${text(name)}, external = (address = ${text(address)}, http = ()))`;
}

/** Wrangler names every module but the main one by its hash; the rest of the folder is no part of the program. */
const BUNDLED_NAME = /^[0-9a-f]{40}-/;

/** The main module comes first; the others by the rules of `wrangler.toml` under their bundled names. */
function modules(toml: WranglerToml, files: readonly string[]): string[] {
  const main = toml.main.replace(/^.*\//, "").replace(/\.ts$/, ".js");
  if (!files.includes(main)) throw new Error(`The bundle has no ${main}.`);
  const embed = (name: string, kind: string): string =>
    `(name = ${text(name)}, ${kind} = embed ${text(name)})`;
  const found = [embed(main, "esModule")];
  for (const name of files) {
    const kind = BUNDLED_NAME.test(name) ? moduleKind(toml, name) : null;
    if (kind) found.push(embed(name, kind));
  }
  return found;
}

function moduleKind(toml: WranglerToml, name: string): string | null {
  if (name.endsWith(".wasm")) return "wasm";
  const rule = toml.rules?.find(({ globs }) =>
    globs.some((glob) => name.endsWith(glob.replace(/^.*\*/, ""))),
  );
  if (rule?.type === "Text") return "text";
  return rule?.type === "Data" ? "data" : null;
}

function bindings(toml: WranglerToml, options: CapnpOptions): string[] {
  const vars = Object.entries({ ...toml.vars, ...options.vars }).map(([name, value]) =>
    typeof value === "string"
      ? `(name = ${text(name)}, text = ${text(value)})`
      : `(name = ${text(name)}, json = ${text(JSON.stringify(value))})`,
  );
  const objects = (toml.durable_objects?.bindings ?? []).map(
    ({ name, class_name }) =>
      `(name = ${text(name)}, durableObjectNamespace = ${text(class_name)})`,
  );
  const services = [...Object.keys(options.disks), ...Object.keys(options.externals)].map(
    (name) => `(name = ${text(name)}, service = ${text(name)})`,
  );
  const secrets = options.secrets.map(
    (name) => `(name = ${text(name)}, fromEnvironment = ${text(name)})`,
  );
  const outside = `(name = ${text(OUTSIDE)}, service = ${text(OUTSIDE)})`;
  return [...vars, ...objects, ...services, outside, ...secrets];
}

/** `uniqueKey` names the folder of the objects' storage: it must never change. */
function durableObjects(toml: WranglerToml): string[] {
  const sqlite = new Set(toml.migrations?.flatMap((step) => step.new_sqlite_classes ?? []));
  return (toml.durable_objects?.bindings ?? []).map(
    ({ class_name: name }) =>
      `(className = ${text(name)}, uniqueKey = ${text(`indelible-${name}`)}, ` +
      `preventEviction = true, enableSql = ${sqlite.has(name)})`,
  );
}
