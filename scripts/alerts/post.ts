/**
 * The way out of Node processes to addresses that somebody configured, by the rules of `worker/outgoing.ts`: https to public
 * addresses, no redirect, limits of time and size. A name is resolved once, and what it resolves to is looked at before the
 * connection is made to just that: a name that changes its mind (DNS rebinding) gains nothing.
 */
import { lookup } from "node:dns";
import * as http from "node:http";
import * as https from "node:https";
import type { LookupFunction } from "node:net";
import type { Post } from "../../storage/alerts/webhook.ts";
import { rangeOf } from "../../storage/networks.ts";
import { outgoingProblem, urlOf } from "../../storage/outgoing.ts";

type Resolve = typeof lookup;

export function nodePost(privateAllowed: boolean, resolve: Resolve = lookup): Post {
  return async (url, { method, headers, body, bytesMax, msMax }) => {
    const problem = outgoingProblem(url, privateAllowed);
    if (problem !== null) throw callError(url, `the address ${problem}`);
    const { request } = url.startsWith("https:") ? https : http;
    return new Promise((done, failed) => {
      const fail = (error: Error) => failed(callError(url, error.message));
      const calling = request(url, {
        ...{ method, headers, agent: false },
        signal: AbortSignal.timeout(2 * msMax),
        ...(privateAllowed ? {} : { lookup: publicOnly(resolve) }),
      });
      const headTimer = setTimeout(
        () => calling.destroy(new Error(`no answer within ${msMax / 1_000} s`)),
        msMax,
      );
      calling.on("close", () => clearTimeout(headTimer));
      calling.on("error", fail);
      calling.on("response", (response) => {
        clearTimeout(headTimer);
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          bytes += chunk.length;
          if (bytes > bytesMax) response.destroy(new Error(`more than ${bytesMax} bytes came`));
        });
        response.on("error", fail);
        response.on("end", () => {
          const { statusCode: status = 0, headers: fields } = response;
          const get = (name: string) => headerText(fields[name.toLowerCase()]);
          done({ status, headers: { get }, body: Buffer.concat(chunks) });
        });
      });
      calling.end(body);
    });
  };
}

function headerText(value: string | string[] | undefined): string | null {
  return value === undefined ? null : String(value);
}

/** Says where, and why; never what was sent, nor a path in which a secret may be. */
function callError(url: string, problem: string): Error {
  return new Error(`a call to ${urlOf(url)?.host ?? "what is no URL"}: ${problem}`);
}

/** Resolves names, and refuses one of which any address is not public. */
function publicOnly(resolve: Resolve): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, [], 0);
      const inside = addresses.find(({ address }) => rangeOf(address) !== "unicast");
      if (inside !== undefined) {
        return callback(
          new Error("the name leads to a private address, which is not allowed"),
          [],
          0,
        );
      }
      if (options.all === true) return callback(null, addresses);
      const [first] = addresses;
      return callback(null, first!.address, first!.family);
    });
  };
}
