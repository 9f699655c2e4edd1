import { runInThisContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { GuestRunner } from "../src/testing/index.js";
import { handler, PluginFolder, request, runner } from "./support.js";

let plain: PluginFolder;
let folder: PluginFolder;
let without: GuestRunner;
let guest: GuestRunner;
beforeAll(async () => {
  // Words in texts, members and variables are no names.
  const words = 'const structuredClone = "The URL of it", own = { URL: structuredClone.URL, subtle: 1 }; void own;';
  plain = await PluginFolder.create(handler(`{ ${words} } return await (0, eval)(params)`));
  folder = await PluginFolder.create(
    handler("void structuredClone; const { subtle } = crypto; void subtle; return await (0, eval)(params)"),
  );
  without = await runner(plain.path);
  guest = await runner(folder.path);
});
afterAll(async () => {
  await plain[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const run = (expression: string) => request(guest, "sample.run", expression);
/** The same in this process. */
const here = async (expression: string) => JSON.parse(JSON.stringify(await runInThisContext(expression)));

const DIGEST = (algorithm: string, text: string) =>
  `(async () => [...new Uint8Array(await crypto.subtle.digest(${JSON.stringify(algorithm)}, new TextEncoder().encode(${JSON.stringify(text)})))])()`;

const HMAC = (hash: string, key: readonly number[], text: string) => `(async () => {
  const data = new TextEncoder().encode(${JSON.stringify(text)});
  const algorithm = { name: "HMAC", hash: ${JSON.stringify(hash)} };
  const key = await crypto.subtle.importKey("raw", Uint8Array.from(${JSON.stringify(key)}), algorithm, false, ["sign", "verify"]);
  const signature = await crypto.subtle.sign("HMAC", key, data);
  const forged = new Uint8Array(signature).map((byte, at) => (at === 3 ? byte ^ 1 : byte));
  const verified = [];
  for (const one of [signature, forged, signature.slice(1)]) verified.push(await crypto.subtle.verify("HMAC", key, one, data));
  return [[...new Uint8Array(signature)], verified];
})()`;

test("a plugin whose code does not name them does without, and is told why", () => {
  for (const name of ["URL", "crypto.subtle", "structuredClone"]) {
    expect(request(without, "sample.run", `typeof ${name}`)).toBe("undefined");
    expect(request(without, "sample.run", `${name}.anything()`)).toMatchObject({
      error: { message: expect.stringContaining(`${name} is not available in a plugin: it is there in plugins`) },
    });
  }
});

describe("crypto.subtle", () => {
  test.each(["SHA-1", "SHA-256", "SHA-384", "sha-512"])("%s is that of Node", async (algorithm) => {
    for (const text of ["", "abc", "żółć 🦔".repeat(50)]) {
      expect(run(DIGEST(algorithm, text))).toEqual(await here(DIGEST(algorithm, text)));
    }
  });

  test.each(["SHA-1", "SHA-256", "SHA-384", "SHA-512"])(
    "HMAC with %s is that of Node, and is verified",
    async (hash) => {
      const keys = fc.sample(fc.array(fc.nat(255), { minLength: 1, maxLength: 200 }), { numRuns: 5, seed: 7 });
      for (const key of keys) {
        const [signature, verified] = run(HMAC(hash, key, "what is signed")) as [number[], boolean[]];
        expect([signature, verified]).toEqual(await here(HMAC(hash, key, "what is signed")));
        expect(verified).toEqual([true, false, false]);
      }
    },
  );

  test.each([
    ['crypto.subtle.digest("MD5", new Uint8Array(1))', "NotSupportedError"],
    ['crypto.subtle.digest("SHA-256", "text")', "TypeError"],
    ['crypto.subtle.importKey("jwk", {}, { name: "HMAC", hash: "SHA-256" }, false, ["sign"])', "NotSupportedError"],
    ['crypto.subtle.importKey("raw", new Uint8Array(1), "AES-GCM", false, ["encrypt"])', "NotSupportedError"],
    ['crypto.subtle.importKey("raw", new Uint8Array(1), { name: "HMAC", hash: "SHA-1" }, false, [])', "SyntaxError"],
    ['crypto.subtle.sign("HMAC", {}, new Uint8Array(1))', "InvalidAccessError"],
  ])("%s is %s", (expression, name) => {
    expect(run(`${expression}.catch((error) => error.name)`)).toBe(name);
  });

  test("a key is for what it was imported for, and cannot be read", () => {
    const key = `const key = await crypto.subtle.importKey("raw", new Uint8Array([7]), { name: "HMAC", hash: "SHA-256" }, false, ["verify"])`;
    expect(
      run(`(async () => { ${key};
        return [JSON.stringify(key), await crypto.subtle.sign("HMAC", key, new Uint8Array(1)).catch((error) => error.name)];
      })()`),
    ).toEqual([expect.not.stringContaining("7]"), "InvalidAccessError"]);
  });
});

describe("structuredClone", () => {
  test.each([
    "structuredClone({ a: [1, { b: null }], c: undefined })",
    "structuredClone([1n, NaN, -0, undefined].map(String))",
    "[...structuredClone(new Map([[1, new Set([2])]])).get(1)]",
    "[...structuredClone(Uint8Array.of(1, 2))]",
    "(() => { const circle = { n: 1 }; circle.self = circle; const copy = structuredClone(circle); return [copy.self === copy, copy !== circle]; })()",
    "(() => { const date = new Date(5); const copy = structuredClone(date); return [copy instanceof Date, copy !== date, +copy]; })()",
  ])("%s is that of Node", async (expression) => {
    expect(run(expression)).toEqual(await here(expression));
  });

  test("refuses a function", () => {
    expect(run("try { structuredClone(() => 1) } catch (error) { error.name }")).toBe("DataCloneError");
  });
});
