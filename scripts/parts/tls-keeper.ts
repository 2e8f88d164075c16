/**
 * The listener's certificate over the life of an instance. The files are looked at again and again: a renewed pair is
 * taken over by a restart of the listener, one that cannot be used is said and the old one stays, and so is an end
 * that comes near. Polled, because renewed files come as symbolic links, mounts and copies, which no one event covers.
 */
import type { TlsFiles } from "../config.ts";
import { readTls, type Tls } from "./tls.ts";

/** Two small files are read and checked in a millisecond. */
const LOOK_MS = 5_000;

export interface TlsKeeperOptions {
  readonly files: TlsFiles;
  readonly say: (message: string) => void;
  readonly lookMs?: number;
}

export class TlsKeeper {
  readonly #options: TlsKeeperOptions;
  readonly #said = new Set<string>();
  #current: Tls;
  /** Renewed, and not yet in use. */
  #next: Tls | null = null;
  /** Renewed, and the listener could not start with it. */
  #refused: Tls | null = null;
  #timer: NodeJS.Timeout | null = null;

  /** Reads the files. Throws `ConfigError`. */
  constructor(options: TlsKeeperOptions) {
    this.#options = options;
    this.#current = readTls(options.files);
    this.#warn(this.#current.warnings);
  }

  get current(): Tls {
    return this.#current;
  }

  /** Calls `onRenewed` when there is another pair that can be used, one call at a time. */
  watch(onRenewed: () => Promise<void>): void {
    const again = (): void => {
      this.#timer = setTimeout(() => {
        void (this.#look() ? onRenewed() : Promise.resolve()).then(() => this.#timer && again());
      }, this.#options.lookMs ?? LOOK_MS);
      this.#timer.unref();
    };
    again();
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Runs `start` with the newest pair, and where that fails with the one in use. */
  async startWith<T>(start: (tls: Tls) => Promise<T>): Promise<T> {
    const next = this.#next;
    if (!next) return start(this.#current);
    try {
      const started = await start(next);
      [this.#current, this.#next] = [next, null];
      return started;
    } catch (error) {
      const started = await start(this.#current);
      [this.#refused, this.#next] = [next, null];
      this.#options.say(`${(error as Error).message}\nThe certificate before is used again.`);
      return started;
    }
  }

  /** True where the files hold another pair now. */
  #look(): boolean {
    try {
      const found = readTls(this.#options.files);
      this.#warn(found.warnings);
      if (isSame(found, this.#current) || isSame(found, this.#refused)) return false;
      this.#next = found;
      this.#options.say(`The certificate was renewed; it is valid until ${found.leaf.validTo}.`);
      return true;
    } catch (error) {
      this.#warn([`${(error as Error).message} The listener keeps the certificate that it has.`]);
      return false;
    }
  }

  #warn(messages: readonly string[]): void {
    for (const message of messages) {
      if (!this.#said.has(message)) this.#options.say(message);
      this.#said.add(message);
    }
  }
}

function isSame(a: Tls, b: Tls | null): boolean {
  return a.certificateChain === b?.certificateChain && a.privateKey === b.privateKey;
}
