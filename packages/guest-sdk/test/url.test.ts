import { symlink } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { compilePlugin } from "../src/compiler/index.js";
import type { GuestRunner } from "../src/testing/index.js";
import { handler, PluginFolder, request, runner } from "./support.js";

const PARTS = [
  "href",
  "origin",
  "protocol",
  "username",
  "password",
  "host",
  "hostname",
  "port",
  "pathname",
  "search",
  "hash",
];

const NODE_MODULES = fileURLToPath(new URL("../../../node_modules", import.meta.url));

let folder: PluginFolder;
let guest: GuestRunner;
beforeAll(async () => {
  const body = `if (params.code) return (0, eval)(params.code);
    const parts = ${JSON.stringify(PARTS)};
    return params.addresses.map(([url, base]) => {
      try { const parsed = new URL(url, base ?? undefined); return parts.map((part) => parsed[part]); }
      catch (error) { return error.name; }
    });`;
  folder = await PluginFolder.create(handler(body));
  guest = await runner(folder.path);
});
afterAll(() => folder[Symbol.asyncDispose]());

const run = (code: string) => request(guest, "sample.run", { code });

/** What Node makes of the same code, as JSON. */
function here(code: string): unknown {
  return JSON.parse(JSON.stringify(new Function(`return eval(${JSON.stringify(code)})`)()) ?? "null");
}

function parsedHere(url: string, base?: string | null): unknown {
  try {
    const parsed = new URL(url, base ?? undefined) as unknown as Record<string, string>;
    return PARTS.map((part) => parsed[part]);
  } catch (error) {
    return (error as Error).name;
  }
}

// In the kinds of the Web Platform Tests' urltestdata.json.
const ADDRESSES: [string, string?][] = [
  ["https://nodejs.org/en"],
  ["nope"],
  [""],
  ["http://"],
  ["//host/path", "https://a/b"],
  ["../x/./y?q#f", "http://u:p@a.example:81/b/c/d"],
  ["?q", "http://a/b"],
  ["#f", "mailto:a@b"],
  ["x", "mailto:a@b"],
  ["  http://a b/ "],
  ["\thttp:\n//a\r/b"],
  ["HTTP://EXAMPLE.com:80/%7Efoo/../bar"],
  ["https://example.com:443/"],
  ["https://example.com:65536/"],
  ["http://a:b@c:d/"],
  ["http://user@:80/"],
  ["http://@/"],
  ["http://192.0x00A80001"],
  ["http://0x7f.1/"],
  ["http://256.256.256.256/"],
  ["http://1.2.3.4.5/"],
  ["http://[::1]:3000/"],
  ["http://[1:2:3:4:5:6:7:8:9]/"],
  ["http://[::ffff:1.2.3.4]/"],
  ["http://[fe80::1%25eth0]/"],
  ["http://ＧＯ.com/"],
  ["http://faß.de/"],
  ["http://münchen.example/ü?ü#ü"],
  ["http://xn--mnchen-3ya.example/"],
  // Not "xn--a", an invalid label that Node 24 refuses and Node 26 takes.
  ["http://a\u00adb.example/"],
  ["http://ab\u200dc.example/"],
  ["http://א1.example/"],
  ["http://a%2fb/"],
  ["http://a%41/"],
  ["http://a<b/"],
  ["file:///C|/windows/../.."],
  ["file://localhost/etc/passwd"],
  ["/C|\\foo\\bar", "file:///tmp/"],
  ["data:text/plain,hi there?x#y"],
  ["javascript:alert(1)"],
  ["blob:https://example.com/id"],
  ["non-special://h:99/../p?q#f"],
  ["non-special:opaque path"],
  ["http:\\\\x:hi\\path"],
  ["http://a/%zz%00?%zz'\"<>`"],
  // Not "^", which the standard escapes since 2024 and Node 20 does not.
  ['http://a/{}|`"<> '],
  ["ws://a:80/"],
  ["wss://a:443/"],
  ["ftp://a:21/"],
  ["1http://a/"],
  ["h\u0000ttp://a/"],
  ["http://a.b.c.d.e.f..g/"],
  [`http://${"a".repeat(300)}.example/`],
  ["http://a/\ud800b"],
];

describe("URL in a plugin", () => {
  test("parses addresses as Node does", () => {
    const answers = request(guest, "sample.run", { addresses: ADDRESSES });
    expect(answers).toEqual(ADDRESSES.map(([url, base]) => parsedHere(url.toWellFormed(), base)));
  });

  test("gives back what it wrote, whatever it was", () => {
    const piece = fc.oneof(
      fc.constantFrom(
        ...["http://", "https:", "//", "/", "..", ".", "?", "#", "@", ":", "%", "[", "]", "\\", "é", " "],
      ),
      fc.string({ maxLength: 4, unit: "binary" }),
      fc.webUrl(),
    );
    const address = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(""));
    const batch = fc.array(fc.tuple(address, fc.option(fc.webUrl())), { minLength: 20, maxLength: 20 });
    fc.assert(
      fc.property(batch, (addresses) => {
        // Not compared with Node's, whose releases differ in such addresses.
        const parsed = request(guest, "sample.run", { addresses }) as (string[] | string)[];
        const written = parsed.filter((parts) => Array.isArray(parts));
        const again = request(guest, "sample.run", { addresses: written.map(([href]) => [href, null]) });
        expect(again).toEqual(written);
        expect(parsed.filter((parts) => !Array.isArray(parts) && parts !== "TypeError")).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  test.each([
    "const u = new URL('http://a/b?x=1'); u.port = '81'; u.hash = 'h'; u.pathname = 'c d'; u.host = 'z:9'; u.protocol = 'https'; u.username = 'ü'; u.password = ':'; [u, String(u)]",
    "const u = new URL('http://a/b?x=1'); u.port = '99999'; u.host = ''; u.protocol = 'mailto'; u.hostname = '['; u.href",
    "const u = new URL('http://a/b?x=1'); u.href = 'https://c/?d=e'; [u.href, [...u.searchParams]]",
    "const u = new URL('http://a/b?x=1'); try { u.href = 'no' } catch (e) { [e.name, u.href] }",
    "const u = new URL('http://a/b?x=1&y=2'); u.searchParams.append('z', 'ä &'); u.searchParams.delete('x'); [u.href, u.search]",
    "const u = new URL('http://a/b?x=1'); const p = u.searchParams; u.search = '?n=2'; [p.get('n'), p === u.searchParams, p.size]",
    "const u = new URL('http://a/b?x=1'); u.searchParams.delete('x'); u.href",
    "[URL.canParse('a:b'), URL.canParse('b'), URL.canParse('b', 'http://a'), URL.canParse(undefined)]",
    "[new URL('a:b') instanceof URL, Object.prototype.toString.call(new URL('a:b')), JSON.stringify({u: new URL('http://é/')})]",
    "[...new URLSearchParams('?a=1&b=%20+&a=3&=x&c')]",
    "[...new URLSearchParams({a: 1, b: 'ä'})]",
    "[...new URLSearchParams([['a', 'b'], ['c', 'd']])]",
    "[...new URLSearchParams(new URLSearchParams('a=1&a=2'))]",
    "[...new URLSearchParams(new Map([['k', 'v']]))]",
    "try { new URLSearchParams([['a']]) } catch (e) { e.name }",
    "const p = new URLSearchParams('b=2&a=1&b=1'); p.sort(); [String(p), p.has('b', '2'), p.has('c'), p.getAll('b'), p.get('z')]",
    "const p = new URLSearchParams('a=1&b=2&a=3'); p.set('a', 'x y'); p.set('n', '*-._~!'); String(p)",
    "const p = new URLSearchParams('a=1&b=2&a=3'); p.delete('a', '3'); [p.size, ...p.keys(), ...p.values()]",
    "const seen = []; new URLSearchParams('a=1&b=2').forEach((value, name) => seen.push(name + value)); seen",
    "const p = new URLSearchParams('a=1'); const seen = []; for (const [k] of p) { seen.push(k); if (seen.length < 3) p.append('n' + seen.length, '') } seen",
    "[URL.length, URL.name, URLSearchParams.name, typeof URLSearchParams.prototype[Symbol.iterator]]",
    "const names = []; for (const name in new URL('a:b')) names.push(name); names.filter((name) => name !== 'searchParams').length",
  ])("%s", (code) => {
    expect(run(code)).toEqual(here(code));
  });

  test("URL.parse gives null where the constructor throws", () => {
    expect(run("[URL.parse('no'), URL.parse('../x', 'http://a/b/c').href]")).toEqual([null, "http://a/x"]);
  });

  test("zod's check of addresses works", async () => {
    await using plugin = await PluginFolder.create(
      `import { z } from "zod";\n${handler("return params.map((url) => z.url().safeParse(url).success)")}`,
    );
    await symlink(NODE_MODULES, `${plugin.path}/node_modules`);
    const checked = request(await runner(plugin.path), "sample.run", ["https://nodejs.org/en", "no", "http://a b"]);
    expect(checked).toEqual([true, false, false]);
  });

  test("a plugin that does not name it is smaller, and says so", async () => {
    await using plain = await PluginFolder.create(handler("return (0, eval)(params)"));
    const [small, large] = await Promise.all([compilePlugin(plain.path), compilePlugin(folder.path)]);
    expect(small.wasm.length).toBeLessThan(large.wasm.length - 200_000);
    const without = await runner(plain.path);
    expect(request(without, "sample.run", "typeof URL")).toBe("undefined");
    expect(request(without, "sample.run", "new URL('a:b')")).toMatchObject({
      error: { message: expect.stringContaining("URL is not available in a plugin") },
    });
  });
});
