import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ABSENT, UNDEFINED } from "../src/guest/absent.js";
import type { GuestRunner } from "../src/testing/index.js";
import { handler, PluginFolder, recordingHost, request, runner } from "./support.js";

const host = recordingHost({});
let folder: PluginFolder;
let guest: GuestRunner;
beforeAll(async () => {
  // It names what is there on demand, so that it has it.
  folder = await PluginFolder.create(
    handler("void [URL, URLSearchParams, structuredClone, crypto.subtle]; return await (0, eval)(params)"),
  );
  guest = await runner(folder.path, host);
});
afterAll(() => folder[Symbol.asyncDispose]());

/** The value of an expression inside a plugin, or its error. */
const run = (expression: string) => request(guest, "sample.run", expression);

describe("what a plugin lacks", () => {
  test.each(Object.keys(ABSENT))("%s looks undefined, and says so when it is used", (name) => {
    const look = `[typeof ${name}, !${name}, ${name} == null, globalThis.${name}?.part ? 1 : 0]`;
    expect(run(look)).toEqual(["undefined", true, true, 0]);
    const uses = [`${name}()`, `new ${name}()`, `${name}.part()`, `new ${name}.Part()`, `"" + ${name}`];
    for (const use of uses) {
      expect(run(use)).toEqual({
        error: expect.objectContaining({ message: expect.stringContaining(`${name} is not available in a plugin: `) }),
      });
    }
  });

  test.each(Object.keys(UNDEFINED))("%s is undefined, and an error about it says why", (name) => {
    expect(run(`[typeof ${name}, globalThis.${name} === undefined, ${JSON.stringify(name)} in globalThis]`)).toEqual([
      "undefined",
      true,
      false,
    ]);
    expect(run(name)).toMatchObject({
      error: { message: expect.stringContaining(`${name} is not available in a plugin: `) },
    });
  });

  test("can be put in its place by a package", () => {
    const own = "globalThis.fetch = (x) => [x]";
    expect(
      run(`const before = fetch; ${own}; const copy = fetch(1);
      globalThis.fetch = before; [copy, typeof fetch]`),
    ).toEqual([[1], "undefined"]);
  });
});

test("TextDecoder knows every name of UTF-8, and no other encoding", () => {
  for (const label of ["utf-8", " UTF8\n", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"]) {
    expect([label, run(`new TextDecoder(${JSON.stringify(label)}).encoding`)]).toEqual([label, "utf-8"]);
  }
  for (const label of ["latin1", "utf-16le", "x-unicode11utf8", ""]) {
    expect(run(`new TextDecoder(${JSON.stringify(label)})`)).toMatchObject({ error: expect.anything() });
  }
});

describe("the README's list of a plugin's environment", () => {
  const names = (text: string) => [...text.matchAll(/`([A-Za-z_$][\w$.]*)`/g)].map((match) => match[1]!);

  test("is what there is in a plugin", async () => {
    const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
    const list = (title: string) => {
      const [, part] = readme.match(new RegExp(`- \\*\\*${title}:\\*\\*([\\s\\S]*?)\\n- \\*\\*`)) ?? [];
      if (part === undefined) throw new Error(`the README has no list "${title}"`);
      return names(part);
    };
    const kinds = (listed: readonly string[]) => listed.map((name) => `${name}: ${run(`typeof ${name}`)}`);
    const available = list("Available");
    expect(kinds(available).filter((kind) => kind.endsWith("undefined"))).toEqual([]);
    expect(list("Absent").sort()).toEqual(Object.keys(ABSENT).sort());
    expect(list("Undefined").sort()).toEqual(Object.keys(UNDEFINED).sort());
    // Every global beyond the language itself is listed.
    const standard = /^(?:[A-Z]\w*(?:Error|Array)|__\w+|gc)$/;
    const globals = run(
      "Object.getOwnPropertyNames(globalThis).filter((name) => typeof globalThis[name] !== 'undefined')",
    );
    const language = new Set([
      ...["Object", "Function", "Error", "Iterator", "Array", "parseInt", "parseFloat", "isNaN", "isFinite", "NaN"],
      ...["decodeURI", "decodeURIComponent", "encodeURI", "encodeURIComponent", "escape", "unescape", "Infinity"],
      ...["eval", "Number", "Boolean", "String", "Math", "Reflect", "Symbol", "globalThis", "BigInt", "Date"],
      ...["RegExp", "JSON", "Proxy", "Map", "Set", "WeakMap", "WeakSet", "ArrayBuffer", "DataView", "Promise"],
      ...["WeakRef", "FinalizationRegistry"],
    ]);
    const extra = (globals as string[]).filter((name) => !language.has(name) && !standard.test(name));
    expect(extra.filter((name) => !available.some((listed) => listed.split(".")[0] === name))).toEqual([]);
  });
});

describe("the console", () => {
  function logged(statements: string): { level: string; message: string }[] {
    host.calls.length = 0;
    expect(run(`{ ${statements}; null }`)).toBeNull();
    return host.calls.map(([, record]) => JSON.parse(record!));
  }

  test("has all methods of its standard", () => {
    const methods =
      "assert clear debug error info log table trace warn dir dirxml count countReset group groupCollapsed groupEnd time timeLog timeEnd";
    for (const method of methods.split(" ")) expect(run(`typeof console.${method}`)).toBe("function");
    logged(
      methods
        .split(" ")
        .map((method) => `console.${method}()`)
        .join(";"),
    );
  });

  test("assert says nothing of what is true", () => {
    expect(logged("console.assert(true, 'x')")).toEqual([]);
    expect(logged("console.assert(false); console.assert(0, 'n is %d', 3); console.assert('', {a: 1})")).toEqual([
      { level: "error", message: "Assertion failed" },
      { level: "error", message: "Assertion failed: n is 3" },
      { level: "error", message: 'Assertion failed: {"a":1}' },
    ]);
  });

  test("formats, counts, groups and measures", () => {
    const messages = (statements: string) => logged(statements).map(({ message }) => message);
    expect(messages("console.log('%s is %d%%, %o', 'a', 5.7, {b: 1}, 'more')")).toEqual(['a is 5%, {"b":1} more']);
    expect(messages("console.log('100%', 1)")).toEqual(["100% 1"]);
    expect(messages("console.count(); console.count(); console.countReset(); console.count('x')")).toEqual([
      "default: 1",
      "default: 2",
      "x: 1",
    ]);
    expect(messages("console.group('g'); console.log('in'); console.groupEnd(); console.log('out')")).toEqual([
      "g",
      "  in",
      "out",
    ]);
    expect(messages("console.time('t'); console.timeEnd('t'); console.timeEnd('t')")).toEqual([
      expect.stringMatching(/^t: \d+ms$/),
      "Timer 't' does not exist",
    ]);
    expect(messages("console.table([{a: 1, b: 'x'}, {a: 2}])")).toEqual(["(index)\ta\tb\n0\t1\tx\n1\t2\t"]);
    expect(messages("console.trace('here')")).toEqual([expect.stringMatching(/^Trace: here\n +at /)]);
  });

  test("shows what JSON would lose", () => {
    const statements = `const c = {n: 1n, m: new Map([["k", 1]]), e: new Error("inner")}; c.self = c;
      console.log(c); console.error(new Error("outer", {cause: new TypeError("below")}))`;
    const [object, error] = logged(statements);
    expect(JSON.parse(object!.message)).toMatchObject({
      n: "1",
      m: [["k", 1]],
      e: { name: "Error", message: "inner", stack: expect.any(String) },
      self: "[circular]",
    });
    expect(error!.message).toMatch(/^Error: outer\n +at .*\[cause\]: TypeError: below\n/s);
  });
});

describe("time", () => {
  test("performance.now counts from the start of the instance, and never back", async () => {
    const fresh = await runner(folder.path);
    const first = request(fresh, "sample.run", "[performance.now(), performance.timeOrigin, Date.now()]") as number[];
    expect(first[0]).toBeGreaterThanOrEqual(0);
    expect(first[0]).toBeLessThan(60_000);
    expect(Math.abs(first[1]! + first[0]! - first[2]!)).toBeLessThan(60_000);
    expect(first[1]).toBeGreaterThan(1_600_000_000_000);
    const later = request(fresh, "sample.run", "performance.now()") as number;
    expect(later).toBeGreaterThanOrEqual(first[0]!);
  });

  test("at the top level, which runs at build time, it is 0", async () => {
    await using built = await PluginFolder.create(
      `const top = performance.now();\n${handler("return [top, performance.now() >= top]")}`,
    );
    expect(request(await runner(built.path), "sample.run")).toEqual([0, true]);
  });
});

describe("locales", () => {
  const EN = "en-US";

  test("numbers are those of Node in en-US", () => {
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.integer(), fc.double({ min: -1e7, max: 1e7 })), (number) => {
        const source = Object.is(number, -0) ? "-0" : String(number);
        expect(run(`(${source}).toLocaleString()`)).toBe(number.toLocaleString(EN));
      }),
      { numRuns: 200, examples: [[1.0005], [0.0005], [-0.0004], [999.9995], [1e300], [5e-324]] },
    );
    expect(run("[(-12345678n).toLocaleString(), [1234.5, null].toLocaleString('en')]")).toEqual([
      "-12,345,678",
      "1,234.5,",
    ]);
  });

  test("dates are those of Node in en-US and UTC", () => {
    const zone = { timeZone: "UTC" };
    fc.assert(
      fc.property(
        fc.date({ min: new Date("1600-01-01"), max: new Date("9999-01-01"), noInvalidDate: true }),
        (date) => {
          const source = `const d = new Date(${date.getTime()}); [d.toLocaleString(), d.toLocaleDateString("en-US"),
          d.toLocaleTimeString(undefined, {timeZone: "UTC"})]`;
          expect(run(`{ ${source} }`)).toEqual([
            date.toLocaleString(EN, zone),
            date.toLocaleDateString(EN, zone),
            date.toLocaleTimeString(EN, zone),
          ]);
        },
      ),
      { numRuns: 100 },
    );
    expect(run("new Date(NaN).toLocaleDateString()")).toBe("Invalid Date");
  });

  test("text compares as in Node in en-US", () => {
    const latin = fc.string({ unit: fc.constantFrom(..."abcxyzABCXYZéèêëěēėęaáàâäãåąăāoőõȯüÜñçčž 019_-.,!?()$~\t") });
    fc.assert(
      fc.property(latin, latin, (a, b) => {
        const compared = run(`${JSON.stringify(a)}.localeCompare(${JSON.stringify(b)})`);
        expect([a, b, compared]).toEqual([a, b, Math.sign(a.localeCompare(b, EN))]);
      }),
      {
        numRuns: 300,
        examples: [
          ["a", "B"],
          ["résumé", "Resume"],
          ["é", "è"],
          ["ē", "ë"],
          ["a b", "ä"],
          ["co-op", "coop"],
        ],
      },
    );
  });

  test.each([
    "new Date(0).toLocaleString('de-DE')",
    "new Date(0).toLocaleString('en-US', {timeZone: 'America/New_York'})",
    "new Date(0).toLocaleDateString(undefined, {weekday: 'long'})",
    "new Date(0).toLocaleTimeString('en-GB')",
    "(1.5).toLocaleString('de')",
    "(1.5).toLocaleString(undefined, {style: 'currency', currency: 'EUR'})",
    "1n.toLocaleString('hi')",
    "[1.5].toLocaleString('de')",
    "new Float64Array([1.5]).toLocaleString('de')",
    "'a'.localeCompare('b', 'sv')",
    "'a'.localeCompare('b', undefined, {numeric: true})",
    "'I'.toLocaleLowerCase('tr')",
    "'i'.toLocaleUpperCase(['az'])",
  ])("%s is refused, not ignored", (expression) => {
    expect(run(expression)).toMatchObject({
      error: { message: expect.stringMatching(/is not available in a plugin: the engine has en-US and UTC only/) },
    });
  });

  test("upper and lower case are those of most languages", () => {
    expect(run("['I'.toLocaleLowerCase('de-DE'), 'ß'.toLocaleUpperCase()]")).toEqual(["i", "SS"]);
  });
});
