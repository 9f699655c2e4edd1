import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { create, Header } from "tar";
import { findFiles } from "../../src/archive/find-files.js";
import { globProblem } from "../../src/archive/globs.js";
import { linkStays, relativeSegments } from "../../src/archive/relative-path.js";
import { unpack } from "../../src/archive/unpack.js";
import { shellPool } from "./helpers.js";

type Entry = { path: string; type?: string; body?: string; link?: string; mode?: number };

/** A tar archive, byte by byte, with whatever is in it. */
function archiveOf(...entries: Entry[]): Buffer {
  const blocks = entries.flatMap(({ path, type = "File", body = "", link = "", mode = 0o644 }) => {
    const header = new Header({ path, type, size: Buffer.byteLength(body), linkpath: link, mode } as never);
    const block = Buffer.alloc(512);
    header.encode(block, 0);
    const padded = Buffer.alloc(Math.ceil(Buffer.byteLength(body) / 512) * 512);
    padded.write(body);
    return [block, padded];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

test("an archive is unpacked into the job's folder, and artifacts come back as blobs", async () => {
  await using it = await shellPool();
  const archive = archiveOf(
    { path: "project/", type: "Directory" },
    {
      path: "project/build.sh",
      body: "#!/bin/sh\nmkdir -p out/deep && cp data out/deep/a.txt && echo log > out/b.log\n",
      mode: 0o755,
    },
    { path: "project/data", body: "from the archive" },
    { path: "project/again", type: "Link", link: "project/data" },
    { path: "project/sub/up", type: "SymbolicLink", link: "../data" },
  );
  const blob = await it.store.blobs.put(gzipSync(archive));
  const done = await it.run({
    command: "./build.sh",
    source: { blob, stripComponents: 1 },
    artifacts: ["out/**/*.txt", "sub/*", "again"],
  });
  expect(done.error).toBeUndefined();
  expect(done.result.artifacts.map(({ path, bytes }) => [path, bytes])).toEqual([
    ["again", 16],
    ["out/deep/a.txt", 16],
  ]);
  const [, { blob: kept }] = done.result.artifacts as [unknown, { blob: string }];
  expect(Buffer.from(await it.store.blobs.read(kept, 100)).toString()).toBe("from the archive");
  // The link is no file, and said so.
  const { lines } = await it.queue.logs(done.id);
  expect(lines.map(({ message }) => message)).toContain('"sub/up" is no file that can be kept as an artifact');
  // Both are kept as long as the job.
  expect(await it.store.blobs.references(kept)).toHaveLength(1);
  expect(await it.store.blobs.references(blob)).toHaveLength(1);
  await it.queue.remove(done.id);
  expect(await it.store.blobs.references(kept)).toEqual([]);
  expect(await it.store.blobs.references(blob)).toEqual([]);
  expect((await it.sh("ls", { cwd: "sub", source: { blob, stripComponents: 1 } })).result.stdout).toBe("up\n");
});

const HOSTILE: Record<string, Entry[]> = {
  "an absolute path": [{ path: "/etc/passwd", body: "x" }],
  "a path with ..": [{ path: "a/../../x", body: "x" }],
  "an absolute link": [{ path: "l", type: "SymbolicLink", link: "/etc" }],
  "a link that leaves": [{ path: "a/l", type: "SymbolicLink", link: "../../x" }],
  "a link that leaves by way of another": [
    { path: "d1/d2/d3", type: "SymbolicLink", link: "../.." },
    { path: "e", type: "SymbolicLink", link: "d1/d2/d3/../x" },
    { path: "d1/d2/x/y", body: "x" },
    { path: "f", type: "SymbolicLink", link: "d1/d2/d3/../d1/.." },
    { path: "g", type: "SymbolicLink", link: "d1/d2/d3/.." },
  ],
  "a file below a link": [
    { path: "l", type: "SymbolicLink", link: "d" },
    { path: "d/", type: "Directory" },
    { path: "l/x", body: "x" },
  ],
  "a hard link to what is not in it": [{ path: "h", type: "Link", link: "etc/passwd" }],
  "a hard link that leaves": [{ path: "h", type: "Link", link: "../../etc/passwd" }],
  "a device": [{ path: "d", type: "CharacterDevice" }],
  "a named pipe": [{ path: "p", type: "FIFO" }],
  "a file twice": [
    { path: "a", body: "1" },
    { path: "a", body: "2" },
  ],
  "a file as a folder": [
    { path: "a", body: "1" },
    { path: "a/b", body: "2" },
  ],
  "too many entries": [{ path: "1/2/3/4/5/6/7/8/9/10/11/12/13", body: "" }],
  "too many bytes": [
    { path: "a", body: "x".repeat(2000) },
    { path: "b", body: "x".repeat(2000) },
  ],
};

test.each(Object.entries(HOSTILE))("refused in an archive: %s", async (_, entries) => {
  const folder = await mkdtemp(join(tmpdir(), "aspen-test-"));
  const inside = join(folder, "in");
  await mkdir(inside);
  try {
    const chunks = (async function* () {
      yield archiveOf(...entries);
    })();
    const { signal } = new AbortController();
    const options = { folder: inside, owner: null, stripComponents: 0, maxBytes: 3000, maxEntries: 12, signal };
    await expect(unpack(chunks, options)).rejects.toMatchObject({ code: "JOB_ARCHIVE_INVALID", permanent: true });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("what is no archive, or is cut short, fails for good", async () => {
  await using it = await shellPool();
  const whole = archiveOf({ path: "a", body: "x".repeat(5000) });
  for (const bytes of [Buffer.from("no archive at all"), whole.subarray(0, 2000), gzipSync(whole).subarray(0, 40)]) {
    const blob = await it.store.blobs.put(bytes);
    const done = await it.sh("true", { source: { blob } });
    expect(done.error).toMatchObject({ code: "JOB_ARCHIVE_INVALID" });
  }
  const absent = await it.sh("true", { source: { blob: "0".repeat(64) } });
  expect(absent.error).toMatchObject({ code: "BLOB_NOT_FOUND" });
});

test("an archive that others make is unpacked as it is", async () => {
  const from = await mkdtemp(join(tmpdir(), "aspen-test-"));
  const to = await mkdtemp(join(tmpdir(), "aspen-test-"));
  try {
    const long = `${"long-name-".repeat(20)}/ünï`;
    await mkdir(join(from, long, ".."), { recursive: true });
    await writeFile(join(from, long), "text");
    await symlink(long, join(from, "link"));
    const { signal } = new AbortController();
    const options = { folder: to, owner: null, stripComponents: 0, maxBytes: 1e6, maxEntries: 100, signal };
    await unpack(create({ cwd: from, gzip: true }, ["."]) as AsyncIterable<Uint8Array>, options);
    expect(await readFile(join(to, "link"), "utf8")).toBe("text");
    expect(await realpath(join(to, "link"))).toBe(join(await realpath(to), long));
  } finally {
    await rm(from, { recursive: true });
    await rm(to, { recursive: true });
  }
});

test.each([
  "../x",
  "/etc/*",
  "a/../../b",
  "a(b|c)",
  "[ab]",
  "!x",
  "a\\b",
  "****x*y*z*",
  "{a,{b,c}}",
  "",
  "x".repeat(600),
  "a\0b",
])("a pattern of artifacts is refused: %j", async (pattern) => {
  await using it = await shellPool();
  const check = it.pool.checkPayload("shell", { command: "true", artifacts: [pattern] });
  await expect(check).rejects.toMatchObject({ code: "INVALID_PARAMS" });
});

test("artifacts are files of the folder only, however a job links, and within their limits", async () => {
  await using it = await shellPool();
  const tricks = await it.sh(
    "ln -s /etc/passwd link; ln -s /etc dir; ln -s .. up; mkfifo pipe; mkdir real; echo ok > real/file; : > empty",
    { artifacts: ["**", "dir/passwd", "up/job/real/*"] },
  );
  expect(tricks.result.artifacts.map(({ path }) => path)).toEqual(["empty", "real/file"]);
  const large = await it.sh("truncate -s 101M large", { artifacts: ["*"] });
  expect(large.error).toMatchObject({ code: "JOB_LIMIT_EXCEEDED", message: expect.stringContaining("large") });
  const many = await it.sh("seq 1001 | xargs touch", { artifacts: ["*"] });
  expect(many.error).toMatchObject({ code: "JOB_LIMIT_EXCEEDED", message: expect.stringContaining("1001") });
});

test.each(["/abs", "..", "a/../..", "a\0b"])("a folder to start in is refused: %j", async (cwd) => {
  await using it = await shellPool();
  await expect(it.pool.checkPayload("shell", { command: "true", cwd })).rejects.toMatchObject({
    code: "INVALID_PARAMS",
  });
});

const segment = fc.oneof(fc.constantFrom("..", ".", "", "a", "b", "*", "**"), fc.string({ maxLength: 8 }));
const path = fc.array(segment, { maxLength: 8 }).map((parts) => parts.join("/"));

test("a path that is not refused stays below its folder", () => {
  fc.assert(
    fc.property(path, (text) => {
      const segments = relativeSegments(text);
      if (typeof segments === "string") return;
      expect(join("/root/folder", ...segments).startsWith("/root/folder")).toBe(true);
      expect(segments.every((it) => it !== "" && it !== "." && it !== ".." && !it.includes("/"))).toBe(true);
      expect(join("/root/folder", text).replace(/\/$/, "")).toBe(join("/root/folder", ...segments));
    }),
  );
});

test("paths and names have a longest length, in bytes", () => {
  expect(relativeSegments("ü".repeat(127))).toEqual(["ü".repeat(127)]);
  expect(relativeSegments("ü".repeat(128))).toBe("has a name longer than 255 bytes");
  expect(relativeSegments("ab/".repeat(400))).toBe("is longer than 1024 bytes");
});

test("a link that is not refused points, as text, below the folder", () => {
  fc.assert(
    fc.property(path, path, (at, target) => {
      const segments = relativeSegments(at);
      if (typeof segments === "string" || segments.length === 0 || !linkStays(segments, target)) return;
      const resolved = join("/root/folder", ...segments.slice(0, -1), target);
      expect(`${resolved}/`.startsWith("/root/folder/")).toBe(true);
    }),
  );
});

test("a pattern that is not refused finds files of the folder only, and soon", async () => {
  const folder = await mkdtemp(join(tmpdir(), "aspen-test-"));
  await mkdir(join(folder, "in/a/b"), { recursive: true });
  await writeFile(join(folder, "in/a/b/b"), "");
  await writeFile(join(folder, "in/b"), "");
  await writeFile(join(folder, "b"), "");
  await symlink("..", join(folder, "in/a/a"));
  const { signal } = new AbortController();
  try {
    await fc.assert(
      fc.asyncProperty(path, async (pattern) => {
        if (globProblem(pattern) !== null) return;
        const options = { folder: join(folder, "in"), patterns: [pattern], maxSeen: 1000, signal, onOther() {} };
        const found = await findFiles(options);
        for (const file of found!) expect(["a/b/b", "b"]).toContain(file.path);
      }),
      { numRuns: 300 },
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
