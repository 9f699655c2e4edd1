import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { aspen, type RunningNode, startNode } from "./support.js";

/** For a test of several builds, each some seconds on a busy machine. */
const MANY_BUILDS_MS = 300_000;

let directory: string;
let node: RunningNode;
let env: { ASPEN_NODE: string };

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-cli-folder-test-"));
  node = await startNode(["--data-dir", join(directory, "data")]);
  env = { ASPEN_NODE: node.url };
});

afterAll(async () => {
  await node?.stop("SIGTERM");
  await rm(directory, { recursive: true, force: true });
});

/** A plugin's folder of a test's own; its one method is `<name>.say`. */
async function plugin(name: string, files: Record<string, string>, manifest: object = {}): Promise<string> {
  const folder = join(directory, name);
  const full = { name, version: "1.0.0", api_version: "1", handles: [`${name}.*`], ...manifest };
  await write(folder, { "plugin.json": JSON.stringify(full), ...files });
  return folder;
}

async function write(folder: string, files: Record<string, string>): Promise<void> {
  for (const [file, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), content);
  }
}

const source = (name: string, imports = "", answer = '"one"') =>
  `${imports}\nimport { definePlugin } from "@aspen/guest-sdk";\nexport default definePlugin({ handlers: { "${name}.say": () => ${answer} } });\n`;

describe("aspen plugin install --update", () => {
  it(
    "never installs old code: imports beside the entry, outside its folder and behind a link count",
    async () => {
      const folder = await plugin(
        "fresh",
        {
          "plugin.ts": source(
            "fresh",
            `import { a } from "./text.js";\nimport { b } from "../shared/text.js";\nimport { c } from "./linked.js";`,
            "[a, b, c]",
          ),
          "text.ts": "export const a = 1;",
          "../shared/text.ts": "export const b = 1;",
          "../shared/real.ts": "export const c = 1;",
        },
        { entry: { source: "plugin.ts" } },
      );
      await symlink("../shared/real.ts", join(folder, "linked.ts"));
      const install = async (...flags: string[]) => {
        const ran = await aspen(["plugin", "install", folder, "--yes", ...flags], { env });
        expect(ran).toMatchObject({ code: 0 });
        return ran.stderr;
      };
      const said = async () => JSON.parse((await aspen(["rpc", "call", "fresh.say", "--json"], { env })).stdout);
      expect(await install()).toMatch(/^built fresh: /m);
      expect(await said()).toEqual([1, 1, 1]);
      for (const [file, content, expected] of [
        ["text.ts", "export const a = 2;", [2, 1, 1]],
        ["../shared/text.ts", "export const b = 2;", [2, 2, 1]],
        ["../shared/real.ts", "export const c = 2;", [2, 2, 2]],
      ] as const) {
        await write(folder, { [file]: content });
        await utimes(join(folder, file), 0, 0);
        expect(await install("--update")).toMatch(/^built fresh: /m);
        expect(await said()).toEqual(expected);
      }
      expect(await install("--update")).not.toMatch(/^built /m);
    },
    MANY_BUILDS_MS,
  );

  it("builds nothing that is refused: the error is the build's", async () => {
    const folder = await plugin("broken", {
      "src/plugin.ts": source("broken", `import "./other.js";`),
      "src/other.ts": "",
    });
    expect((await aspen(["plugin", "build", folder])).code).toBe(0);
    const before = await readFile(join(folder, "dist/plugin.wasm"));
    await write(folder, { "src/other.ts": "export default (" });
    expect(await aspen(["plugin", "install", folder, "--yes"], { env })).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/BUILD_FAILED.*src\/other\.ts:1:\d+/),
    });
    expect(Buffer.compare(before, await readFile(join(folder, "dist/plugin.wasm")))).toBe(0);
  });
});

describe("aspen plugin build", () => {
  it("refuses what an install would refuse, with the same code", async () => {
    const folder = await plugin("outside", { "src/plugin.ts": source("elsewhere") });
    expect(await aspen(["plugin", "build", folder])).toMatchObject({
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(/^error MANIFEST_INVALID: .*"elsewhere\.say" is not covered by "handles"/),
    });
  });

  it("warns of a permission behind which there is nothing", async () => {
    const folder = await plugin(
      "asking",
      { "src/plugin.ts": source("asking") },
      { permissions: ["kv:read", "hooks:subscribe"] },
    );
    const built = await aspen(["plugin", "build", folder]);
    expect(built).toMatchObject({ code: 0, stderr: expect.stringMatching(/^warning: .*hooks:subscribe/) });
    expect(built.stderr).not.toContain("kv:read");
    const json = await aspen(["plugin", "build", folder, "--json"]);
    expect(json.stderr).toBe("");
    expect(JSON.parse(json.stdout)).toMatchObject({ warnings: [expect.stringContaining("hooks:subscribe")] });
  });

  it(
    "ignores a byte-order mark, as an install does",
    async () => {
      const mark = "\uFEFF";
      const manifest = JSON.stringify({ name: "marked", version: "1.0.0", api_version: "1", handles: ["marked.*"] });
      const files = { "plugin.json": mark + manifest, "src/plugin.ts": mark + source("marked") };
      const folder = await plugin("marked", files);
      expect(await aspen(["plugin", "build", folder])).toMatchObject({ code: 0, stderr: "" });
      const built = join(folder, "dist/plugin.json");
      await writeFile(built, mark + (await readFile(built, "utf8")));
      for (const path of [join(folder, "dist"), join(folder, "dist/plugin.wasm"), folder]) {
        expect(await aspen(["plugin", "install", path, "--yes"], { env })).toMatchObject({ code: 0 });
        expect((await aspen(["plugin", "remove", "marked"], { env })).code).toBe(0);
      }
    },
    MANY_BUILDS_MS,
  );
});

it("reads regular files only", async () => {
  const built = await plugin("pipes", { "src/plugin.ts": source("pipes") });
  expect((await aspen(["plugin", "build", built])).code).toBe(0);
  const pipe = (...path: string[]) => {
    execFileSync("mkfifo", [join(...path)]);
    return join(...path);
  };
  const wasm = await plugin("pipe-wasm", { "plugin.json": await readFile(join(built, "dist/plugin.json"), "utf8") });
  pipe(wasm, "plugin.wasm");
  const manifest = join(directory, "pipe-manifest");
  await mkdir(manifest);
  pipe(manifest, "plugin.json");
  const device = await plugin("device", { "plugin.json": await readFile(join(built, "dist/plugin.json"), "utf8") });
  await symlink("/dev/zero", join(device, "plugin.wasm"));
  for (const path of [
    pipe(directory, "alone.wasm"),
    wasm,
    join(wasm, "plugin.wasm"),
    manifest,
    device,
    join(device, "plugin.wasm"),
  ]) {
    const ran = await aspen(["plugin", "install", path, "--yes"], { env });
    expect([path, ran.code, ran.stderr]).toEqual([
      path,
      2,
      expect.stringMatching(/(no|not a) regular file|neither a file nor a folder|does not exist/),
    ]);
  }
});
