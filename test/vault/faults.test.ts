/** What the adapter makes of a store that fails: which word, whether something may have been written, how often it asks. */
import assert from "node:assert/strict";
import test, { after, before, beforeEach } from "node:test";
import { MinioVault } from "../../storage/vault/vault.ts";
import { all, isVaultError } from "./contract.ts";
import { halfOf, reply, s3Error, startFakeStore } from "./fake-store.ts";
import type { FakeStore } from "./fake-store.ts";

const OPTIONS = { retainUntilMs: Date.UTC(2030, 0), ifAbsent: true };
const BODY = Buffer.from("batch");

let store: FakeStore;
let vault: MinioVault;
before(async () => {
  store = await startFakeStore();
});
after(() => store.stop());
beforeEach(() => {
  store.asked.length = 0;
  vault = new MinioVault(store.config);
});

const silence = (): void => {};
/** Where nothing is answered, that is not waited for as long as on a slow machine for an answer. */
const beImpatient = (): void => {
  vault = new MinioVault({ ...store.config, answerMsMax: 300 });
};

const put = () => vault.put("demo/a", BODY, OPTIONS);
const get = () => vault.get("demo/a", "v1");

test("a PUT is sent once, and its outcome is unknown after any 5xx, silence or lost answer", async () => {
  for (const answer of [
    s3Error(500, "InternalError"),
    s3Error(503, "SlowDownWrite"),
    s3Error(507, "XMinioStorageFull"),
    reply(504),
    s3Error(429, "TooManyRequests"),
    (_: unknown, response: { destroy(): void }) => response.destroy(),
    silence,
  ]) {
    if (answer === silence) beImpatient();
    store.asked.length = 0;
    store.answer = answer;
    await assert.rejects(put(), isVaultError("vault_unreachable", "unknown"));
    assert.deepEqual(store.asked, ["PUT /bucket/demo/a"]);
  }
});

test("a PUT certainly did nothing where the store says so", async () => {
  store.answer = s3Error(503, "XMinioServerNotInitialized");
  await assert.rejects(put(), isVaultError("vault_unreachable"));
  store.answer = s3Error(409, "ConditionalRequestConflict");
  await assert.rejects(put(), isVaultError("vault_unreachable"));
  store.answer = s3Error(403, "AccessDenied");
  await assert.rejects(put(), isVaultError("vault_refused"));
  await assert.rejects(put(), /403 AccessDenied/);
  store.answer = s3Error(400, "InvalidRequest");
  await assert.rejects(put(), isVaultError("vault_refused"));
  store.answer = s3Error(412, "PreconditionFailed");
  assert.deepEqual(await put(), { kind: "taken" });
});

test("a closed port, or a name that is none, is unreachable with nothing written", async () => {
  const other = await startFakeStore();
  await other.stop();
  for (const endpoint of [other.config.endpoint, "http://no-such-host.invalid"]) {
    vault = new MinioVault({ ...other.config, endpoint });
    await assert.rejects(put(), isVaultError("vault_unreachable"));
    await assert.rejects(get(), isVaultError("vault_unreachable"));
    await assert.rejects(all(vault.versions("demo/")), isVaultError("vault_unreachable"));
  }
});

test("a bucket without versions is refused: the object that was put cannot be named", async () => {
  for (const headers of [{}, { "x-amz-version-id": "null" }] as Record<string, string>[]) {
    store.answer = reply(200, "", headers);
    await assert.rejects(put(), isVaultError("vault_refused", "unknown"));
  }
});

test("where there is no encryption, auto puts without and stays so; AES256 is refused", async () => {
  const asked: (string | undefined)[] = [];
  store.answer = (request, response) => {
    const sse = request.headers["x-amz-server-side-encryption"];
    asked.push(sse as string | undefined);
    if (sse) s3Error(501, "NotImplemented")(request, response);
    else reply(200, "", { "x-amz-version-id": "v1" })(request, response);
  };
  assert.deepEqual(await put(), { kind: "put", versionId: "v1" });
  assert.deepEqual(await put(), { kind: "put", versionId: "v1" });
  assert.deepEqual(asked, ["AES256", undefined, undefined]);
  vault = new MinioVault({ ...store.config, sse: "AES256" });
  await assert.rejects(put(), /501 NotImplemented/);
});

test("a read is sent again after a fault that passes", async () => {
  let count = 0;
  store.answer = (request, response) => {
    count += 1;
    if (count === 1) response.destroy();
    else if (count === 2) s3Error(503, "SlowDownRead")(request, response);
    else reply(200, "batch")(request, response);
  };
  assert.equal(Buffer.from(await get()).toString(), "batch");
  assert.equal(count, 3);
});

test("a version that cannot be given after three tries is unreadable", async () => {
  for (const answer of [
    s3Error(503, "SlowDownRead"),
    s3Error(500, "InternalError"),
    halfOf("batch"),
  ]) {
    store.asked.length = 0;
    store.answer = answer;
    await assert.rejects(get(), isVaultError("batch_unreadable"));
    assert.equal(store.asked.length, 3);
  }
});

test("a body that stands still says nothing about the object", async () => {
  store.answer = (_, response) =>
    void response.writeHead(200, { "content-length": "100" }).write("half");
  beImpatient();
  await assert.rejects(get(), isVaultError("vault_unreachable"));
});

test("an object larger than any batch, another version, or a tampered one is unreadable", async () => {
  store.answer = (_, response) => {
    response.writeHead(200);
    response.on("error", () => {});
    const block = Buffer.alloc(1024 * 1024);
    const write = (left: number): unknown =>
      left > 0 && !response.destroyed
        ? response.write(block, () => write(left - 1))
        : response.end();
    write(50);
  };
  await assert.rejects(get(), isVaultError("batch_unreadable"));
  store.answer = reply(200, "x", { "x-amz-version-id": "v2" });
  await assert.rejects(get(), isVaultError("batch_unreadable"));
  for (const answer of [
    s3Error(400, "InvalidRequest"),
    s3Error(403, "InvalidObjectState"),
    s3Error(206, "XMinioObjectTampered"),
  ]) {
    store.answer = answer;
    await assert.rejects(get(), isVaultError("batch_unreadable"));
  }
});

test("a store that is not ready says nothing about an object", async () => {
  for (const answer of [reply(502), s3Error(503, "XMinioServerNotInitialized"), silence]) {
    if (answer === silence) beImpatient();
    store.answer = answer;
    await assert.rejects(get(), isVaultError("vault_unreachable"));
    await assert.rejects(vault.lock("demo/a", "v1"), isVaultError("vault_unreachable"));
  }
});

test("missing is what the store says is missing, not a missing bucket or a refusal", async () => {
  store.answer = s3Error(404, "NoSuchVersion");
  await assert.rejects(get(), isVaultError("batch_missing"));
  store.answer = s3Error(405, "MethodNotAllowed");
  await assert.rejects(get(), isVaultError("batch_missing"));
  store.answer = s3Error(400, "InvalidArgument");
  await assert.rejects(get(), isVaultError("batch_missing"));
  store.answer = s3Error(404, "NoSuchBucket");
  await assert.rejects(get(), isVaultError("vault_refused"));
  store.answer = s3Error(403, "AccessDenied");
  await assert.rejects(get(), isVaultError("vault_refused"));
});

test("nothing is read without a version id", async () => {
  await assert.rejects(vault.get("demo/a", ""), RangeError);
  await assert.rejects(vault.lock("demo/a", ""), RangeError);
  assert.deepEqual(store.asked, []);
});

test("a lock is what GET ?retention says, in the words of each store", async () => {
  const lock = () => vault.lock("demo/a", "v1");
  const retention = (root: string, mode: string, date: string) =>
    reply(
      200,
      `<${root} xmlns="x"><Mode>${mode}</Mode><RetainUntilDate>${date}</RetainUntilDate></${root}>`,
    );
  const retainUntilMs = Date.UTC(2030, 0);
  store.answer = retention("Retention", "COMPLIANCE", "2030-01-01T00:00:00.000Z");
  assert.deepEqual(await lock(), { mode: "COMPLIANCE", retainUntilMs });
  store.answer = retention("ObjectLockRetention", "COMPLIANCE", "2030-01-01T00:00:00Z");
  assert.deepEqual(await lock(), { mode: "COMPLIANCE", retainUntilMs });
  store.answer = retention("Retention", "GOVERNANCE", "2030-01-01T00:00:00.999Z");
  assert.deepEqual(await lock(), { mode: "GOVERNANCE", retainUntilMs });
  store.answer = reply(200, "<Retention/>");
  assert.deepEqual(await lock(), { mode: "none", retainUntilMs: 0 });
  store.answer = s3Error(404, "NoSuchObjectLockConfiguration");
  assert.deepEqual(await lock(), { mode: "none", retainUntilMs: 0 });
  for (const answer of [
    retention("Retention", "SOFT", "2030-01-01T00:00:00Z"),
    retention("Retention", "COMPLIANCE", "soon"),
    reply(200, "<html>hello</html>"),
    reply(200, ""),
  ]) {
    store.answer = answer;
    await assert.rejects(lock(), isVaultError("vault_refused"));
  }
});

test("a listing that is not one is never an empty one", async () => {
  for (const answer of [
    reply(206, "<ListVersionsResult/>"),
    reply(200, "<Error><Code>InternalError</Code></Error>"),
    reply(200, "<html></html>"),
    reply(200, ""),
    reply(200, "<ListVersionsResult><Version><Key>demo/a</Key></Version></ListVersionsResult>"),
    s3Error(403, "AccessDenied"),
    s3Error(404, "NoSuchBucket"),
  ]) {
    store.answer = answer;
    await assert.rejects(all(vault.versions("demo/")), isVaultError("vault_refused"));
  }
  const spoiled = reply(206, "<Error><Code>XMinioObjectTampered</Code></Error>");
  for (const answer of [spoiled, s3Error(400, "kms:InvalidCiphertextException")]) {
    store.answer = answer;
    await assert.rejects(all(vault.versions("demo/")), isVaultError("batch_unreadable"));
  }
  store.answer = halfOf("<ListVersionsResult/>");
  await assert.rejects(all(vault.versions("demo/")), isVaultError("vault_unreachable"));
});

test("a listing that does not move on ends", { timeout: 60_000 }, async () => {
  store.answer = reply(
    200,
    `<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>demo/a</NextKeyMarker>
    <NextVersionIdMarker>v1</NextVersionIdMarker></ListVersionsResult>`,
  );
  await assert.rejects(all(vault.versions("demo/")), isVaultError("vault_refused"));
  assert.equal(store.asked.length, 2);
});

test("versions and delete markers keep the order in which the store lists them", async () => {
  const version = (tag: string, key: string, id: string, latest: boolean) =>
    `<${tag}><Key>${key}</Key><VersionId>${id}</VersionId><IsLatest>${latest}</IsLatest>
    <LastModified>2026-01-01T00:00:00.000Z</LastModified>${tag === "Version" ? "<Size>3</Size>" : ""}</${tag}>`;
  store.answer = reply(
    200,
    `<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>
    ${version("DeleteMarker", "demo/a+b%2Bc", "v3", true)}${version("Version", "demo/a+b%2Bc", "v2", false)}
    ${version("DeleteMarker", "demo/a+b%2Bc", "v1", false)}</ListVersionsResult>`,
  );
  const listed = await all(vault.versions("demo/"));
  assert.deepEqual(
    listed.map((one) => [one.key, one.versionId, one.deleteMarker, one.latest, one.bytes]),
    [
      ["demo/a b+c", "v3", true, true, 0],
      ["demo/a b+c", "v2", false, false, 3],
      ["demo/a b+c", "v1", true, false, 0],
    ],
  );
});

test("the time is that of the Date header", async () => {
  const date = "Tue, 01 Jan 2030 00:00:00 GMT";
  store.answer = reply(200, "<ObjectLockConfiguration/>", { date });
  assert.equal(await vault.nowMs(), Date.UTC(2030, 0));
  store.answer = reply(200, "", { date: "never" });
  await assert.rejects(vault.nowMs(), isVaultError("vault_refused"));
});

test("what goes over the wire: lock, condition, checksum and signed payload in one PUT", async () => {
  let headers: NodeJS.Dict<string | string[]> = {};
  store.answer = (request, response) => {
    headers = request.headers;
    reply(200, "", { "x-amz-version-id": "v1" })(request, response);
  };
  await vault.put("demo/a", BODY, { ...OPTIONS, retainUntilMs: OPTIONS.retainUntilMs + 1 });
  assert.equal(headers["x-amz-object-lock-mode"], "COMPLIANCE");
  assert.equal(headers["x-amz-object-lock-retain-until-date"], "2030-01-01T00:00:01.000Z");
  assert.equal(headers["if-none-match"], "*");
  assert.equal(headers["x-amz-server-side-encryption"], "AES256");
  assert.match(String(headers["x-amz-checksum-sha256"]), /^[A-Za-z0-9+/]{43}=$/);
  assert.match(String(headers["x-amz-content-sha256"]), /^[0-9a-f]{64}$/);
  assert.equal(headers["content-length"], String(BODY.length));
  const signed = String(headers.authorization);
  for (const name of ["if-none-match", "x-amz-object-lock-mode", "x-amz-checksum-sha256", "host"]) {
    assert.ok(signed.includes(name), name);
  }
});
