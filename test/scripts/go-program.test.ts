/** Where MinIO is looked for, and what is said when it is nowhere. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

test("without MinIO and without Go there are four ways out", async () => {
  await inFolder(async (folder) => {
    const { code, said } = await find({ PATH: folder, XDG_CACHE_HOME: folder });
    assert.equal(code, 1);
    for (const way of ["INDELIBLE_S3_ENDPOINT", "MINIO_BIN", "on PATH", "install Go 1.24"]) {
      assert.ok(said.includes(way), way);
    }
  });
});

test("the environment comes before PATH, PATH before the cache, the cache before a build", async () => {
  await inFolder(async (folder) => {
    const named = await program(join(folder, "named"), "minio", "minio version 1");
    const onPath = await program(join(folder, "path"), "minio", "minio version 1");
    const cache = join(folder, "cache");
    const cached = await program(join(cache, "indelible"), "minio-7aac2a2c5b7c", "never asked");
    const paths = { PATH: `${join(folder, "path")}:/usr/bin:/bin`, XDG_CACHE_HOME: cache };
    assert.equal((await find({ ...paths, MINIO_BIN: named })).said, named);
    assert.equal((await find(paths)).said, onPath);
    // A program of that name that is something else is passed over.
    await program(join(folder, "path"), "minio", "Midnight Commander");
    assert.equal((await find(paths)).said, cached);
  });
});

test("a MINIO_BIN that does not run is refused, not passed over", async () => {
  await inFolder(async (folder) => {
    const { code, said } = await find({ PATH: folder, MINIO_BIN: join(folder, "nothing") });
    assert.equal(code, 1);
    assert.match(said, /MINIO_BIN is .*nothing, which is not a minio that runs/);
  });
});

test("two builds at once become one, a cut one leaves nothing", async () => {
  await inFolder(async (folder) => {
    // A `go` that takes its time, counts its runs, and writes the program in two steps.
    const go = `if [ "$1" = version ]; then echo go version go1.30 linux/amd64; exit; fi
      echo run >> "${folder}/runs"; echo half > "$GOBIN/minio"; sleep 0.5
      printf '#!/bin/sh\\necho minio version 2\\n' > "$GOBIN/minio"; chmod +x "$GOBIN/minio"`;
    await script(join(folder, "bin"), "go", go);
    const env = { PATH: `${join(folder, "bin")}:/usr/bin:/bin`, XDG_CACHE_HOME: folder };
    const cut = start(env);
    await new Promise((resolve) => setTimeout(resolve, 450));
    cut.child.kill("SIGKILL");
    await cut.result;
    const found = await Promise.all([find(env), find(env)]);
    const built = join(folder, "indelible", "minio-7aac2a2c5b7c");
    for (const { said } of found) assert.equal(said.split("\n").at(-1), built);
    const left = await readdir(join(folder, "indelible"));
    assert.deepEqual(
      left.filter((name) => name.includes("building")),
      [],
    );
  });
});

/** Runs the search as a process of its own, since it reads the environment. The path, or the message. */
function find(env: Record<string, string>): Promise<{ code: number | null; said: string }> {
  return start(env).result;
}

function start(env: Record<string, string>) {
  const program = `
    import { findGoProgram, MINIO } from "./scripts/parts/go-program.ts";
    try { console.log(await findGoProgram(MINIO, (message) => console.log(message))); }
    catch (error) { console.log(error.message); process.exitCode = 1; }`;
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "--eval", program],
    { env: { HOME: tmpdir(), ...env }, stdio: ["ignore", "pipe", "inherit"] },
  );
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  const result = new Promise<{ code: number | null; said: string }>((resolve) => {
    child.once("close", (code) => resolve({ code, said: said.trim() }));
  });
  return { child, result };
}

function program(folder: string, name: string, says: string): Promise<string> {
  return script(folder, name, `echo "${says}"`);
}

async function script(folder: string, name: string, text: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
  return path;
}

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "indelible-go-"));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
