import { mkdir, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { compilePlugin } from "../src/compiler/index.js";
import { failure, PluginFolder, request, runner } from "./support.js";

const require = createRequire(import.meta.url);

/** The folder of a package that is installed for these tests. */
function packageFolder(name: string): string {
  const entry = require.resolve(name);
  return entry.slice(0, entry.lastIndexOf(join("node_modules", name))) + join("node_modules", name);
}

/** A plugin whose `sample.run` gives what `expression` is, with packages at hand. */
async function pluginWith(packages: readonly string[], imports: string, expression: string): Promise<PluginFolder> {
  const folder = await PluginFolder.create(
    `import { definePlugin } from "@aspen/guest-sdk";\n${imports}\n` +
      `export default definePlugin({ handlers: { "sample.run": () => ${expression} } });\n`,
  );
  for (const name of packages) {
    const path = join(folder.path, "node_modules", name);
    await mkdir(dirname(path), { recursive: true });
    await symlink(packageFolder(name), path);
  }
  return folder;
}

async function result(packages: readonly string[], imports: string, expression: string): Promise<unknown> {
  await using folder = await pluginWith(packages, imports, expression);
  return request(await runner(folder.path), "sample.run");
}

describe("packages of npm that are written for browsers too", () => {
  test("bn.js, which tries to require buffer", async () => {
    expect(await result(["bn.js"], `import BN from "bn.js";`, `new BN("ffff", 16).pow(new BN(3)).toString()`)).toBe(
      (65_535n ** 3n).toString(),
    );
  });

  test("seedrandom and crypto-js, which try to require crypto and turn it off for browsers", async () => {
    const imports = `import seedrandom from "seedrandom";\nimport sha256 from "crypto-js/sha256.js";`;
    expect(
      await result(["seedrandom", "crypto-js"], imports, `[seedrandom("hello.").int32(), sha256("abc").toString()]`),
    ).toEqual([
      (require("seedrandom") as (seed: string) => { int32(): number })("hello.").int32(),
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ]);
  });

  test("nanoid and uuid, whose entries for Node are others", async () => {
    const imports = `import { customAlphabet } from "nanoid/non-secure";\nimport { nanoid } from "nanoid";\nimport { v5, validate } from "uuid";`;
    const expression = `[customAlphabet("a", 4)(), typeof nanoid, v5("hello", v5.DNS), validate("x")]`;
    expect(await result(["nanoid", "uuid"], imports, expression)).toEqual([
      "aaaa",
      "function",
      "9342d47a-1bab-5709-9869-c840b2eac501",
      false,
    ]);
  });

  test("zod, valibot, date-fns and lodash", async () => {
    const imports = [
      `import { z } from "zod";`,
      `import * as v from "valibot";`,
      `import { addDays, formatISO } from "date-fns";`,
      `import _ from "lodash";`,
    ].join("\n");
    const expression = `[z.object({ n: z.number() }).safeParse({ n: "1" }).success, v.is(v.string(), "s"),
      formatISO(addDays(new Date(0), 1), { representation: "date" }), _.chunk([1, 2, 3], 2)]`;
    expect(await result(["zod", "valibot", "date-fns", "lodash"], imports, expression)).toEqual([
      false,
      true,
      "1970-01-02",
      [[1, 2], [3]],
    ]);
  });

  test("eventemitter3, required by CommonJS and imported by the plugin", async () => {
    await using folder = await pluginWith(
      ["eventemitter3"],
      `import Heard from "heard";\nimport { EventEmitter } from "eventemitter3";`,
      `[new Heard().hears(), typeof EventEmitter]`,
    );
    await folder.write("node_modules/heard/package.json", '{"name":"heard","main":"index.js"}');
    await folder.write(
      "node_modules/heard/index.js",
      `const EventEmitter = require("eventemitter3");
       module.exports = class extends EventEmitter {
         hears() { let heard = 0; this.on("x", (n) => { heard = n; }); this.emit("x", 7); return heard; }
       };`,
    );
    expect(request(await runner(folder.path), "sample.run")).toEqual([7, "function"]);
  });
});

/** A plugin with a package `dep` of one file beside its package.json. */
async function withDependency(files: Record<string, string>, expression = "dep"): Promise<PluginFolder> {
  const folder = await pluginWith([], `import dep from "dep";`, expression);
  for (const [name, content] of Object.entries(files)) await folder.write(`node_modules/dep/${name}`, content);
  return folder;
}

describe("what package.json says for browsers", () => {
  test("an entry of its own, and files and modules that are replaced or left out", async () => {
    await using folder = await withDependency({
      "package.json": JSON.stringify({ name: "dep", main: "main.js", browser: "browser.js" }),
      "main.js": "module.exports = require('fs');",
      "browser.js": "module.exports = require('inner');",
    });
    await folder.write(
      "node_modules/inner/package.json",
      JSON.stringify({
        name: "inner",
        main: "./node.js",
        browser: { "./node.js": "./page.js", "./files.js": false, crypto: false, net: "./net.js" },
      }),
    );
    await folder.write("node_modules/inner/node.js", "throw new Error('not for browsers')");
    await folder.write(
      "node_modules/inner/page.js",
      "module.exports = [Object.keys(require('./files.js')), Object.keys(require('crypto')), require('net')];",
    );
    await folder.write("node_modules/inner/files.js", "exports.fs = require('fs');");
    await folder.write("node_modules/inner/net.js", "module.exports = 'no net';");
    expect(request(await runner(folder.path), "sample.run")).toEqual([[], [], "no net"]);
  });

  test("exports with a condition for browsers, and for import and require each their own", async () => {
    await using folder = await withDependency({
      "package.json": JSON.stringify({
        name: "dep",
        exports: { node: "./node.js", browser: { import: "./page.mjs", require: "./page.cjs" } },
      }),
      "node.js": "import 'fs';",
      "page.mjs": "import { createRequire } from './required.cjs'; export default ['import', createRequire];",
      "required.cjs": "exports.createRequire = require('dep');",
      "page.cjs": "module.exports = 'require';",
    });
    expect(request(await runner(folder.path), "sample.run")).toEqual(["import", "require"]);
  });

  test("an installed package with the name of a module of Node stands in for it", async () => {
    await using folder = await withDependency({
      "package.json": '{"name":"dep","main":"index.js"}',
      "index.js": "module.exports = require('buffer').name;",
    });
    await folder.write("node_modules/buffer/package.json", '{"name":"buffer","main":"index.js"}');
    await folder.write("node_modules/buffer/index.js", "exports.name = 'from npm';");
    expect(request(await runner(folder.path), "sample.run")).toBe("from npm");
  });
});

describe("a module of Node that code is prepared to miss", () => {
  const cases: [string, string, unknown][] = [
    [
      "in a try",
      "let m; try { m = require('fs'); } catch (e) { m = e.message; } module.exports = m;",
      /"fs" is a module/,
    ],
    ["in a try, with its prefix", "try { require('node:fs'); } catch { module.exports = 'none'; }", "none"],
    ["in a try, imported", "module.exports = 1; (async () => { try { await import('fs'); } catch {} })();", 1],
    [
      "in a try, of npm and not installed",
      "try { require('not-installed'); } catch { module.exports = 'optional'; }",
      "optional",
    ],
    ["under a typeof", "if (typeof process === 'object') module.exports = require('os');\nelse module.exports = 2;", 2],
    ["after a typeof", "module.exports = typeof process !== 'undefined' && require('os');", false],
    ["chosen by a typeof", "module.exports = typeof window === 'undefined' ? 3 : require('http');", 3],
    [
      "under what a typeof said",
      "const isNode = typeof process === 'object'; const old = isNode && process.version; if (old) { module.exports = require('zlib'); }",
      {},
    ],
    [
      "in a function under a typeof",
      "let f = () => 4; if (typeof process == 'object') f = function () { return require('vm'); };\nmodule.exports = f();",
      4,
    ],
  ];
  test("is an error of its own branch", async () => {
    await using folder = await withDependency(
      {
        "package.json": '{"name":"dep","main":"index.js"}',
        "index.js": `module.exports = [${cases.map((_, at) => `require("./${at}.js")`).join()}];`,
        ...Object.fromEntries(cases.map(([, code], at) => [`${at}.js`, code])),
        "typed.ts": "",
      },
      "[dep, own]",
    );
    await folder.write(
      "src/own.ts",
      "declare const require: (name: string) => unknown;\nexport let own: unknown = 'ts';\ntry { own = require('fs') as object; } catch {}\n",
    );
    const plugin = `import { own } from "./own.js";\nimport dep from "dep";\nimport { definePlugin } from "@aspen/guest-sdk";\nexport default definePlugin({ handlers: { "sample.run": () => [dep, own] } });\n`;
    await folder.write("src/plugin.ts", plugin);
    const [found, own] = request(await runner(folder.path), "sample.run") as [unknown[], unknown];
    expect(own).toBe("ts");
    for (const [at, [what, , expected]] of cases.entries()) {
      expect([what, found[at]]).toEqual([
        what,
        expected instanceof RegExp ? expect.stringMatching(expected) : expected,
      ]);
    }
  });

  test.each([
    ["that nothing guards", "module.exports = require('fs');"],
    [
      "of which one place is guarded and one is not",
      "try { require('fs'); } catch {}\nexports.read = () => require('fs').readFileSync;",
    ],
    ["in a function that a try only defines", "try { exports.f = () => require('fs'); } catch {}"],
    ["in a catch", "try { null.x } catch { require('fs'); }"],
    ["in a try without a catch", "try { require('fs'); } finally { exports.x = 1; }"],
    ["under another test", "if (exports.x) require('fs');"],
  ])("%s fails the build, with the files that lead to it", async (_what, code) => {
    await using folder = await withDependency({
      "package.json": '{"name":"dep","main":"index.js"}',
      "index.js": "module.exports = require('./lib/files.js');",
      "lib/files.js": code,
    });
    const error = await failure(compilePlugin(folder.path));
    expect(error.code).toBe("BUILD_FAILED");
    expect(error.message).toMatch(
      /node_modules\/dep\/lib\/files\.js:\d+:\d+: "fs" is a module of Node, which a plugin does not have \(imported by src\/plugin\.ts > node_modules\/dep\/index\.js\)/,
    );
    expect(error.details).toMatchObject({
      problems: expect.arrayContaining([
        expect.objectContaining({ importedBy: ["src/plugin.ts", "node_modules/dep/index.js"] }),
      ]),
    });
    expect(error.message).not.toContain(folder.path);
  });
});
