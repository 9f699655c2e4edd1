import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { POINTS } from "@aspen/feature";
import { method, methodsHandler } from "@aspen/rpc-core";
import { Validator } from "@seriousme/openapi-schema-validator";
import { ContainerModule } from "inversify";
import createClient from "openapi-fetch";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";
import { z } from "zod";
import type { AspenNode } from "../src/index.js";
import { http, startNode, temporaryDirectory } from "./support.js";

interface Tree {
  name: string;
  children: Tree[];
}
const tree: z.ZodType<Tree> = z.strictObject({ name: z.string(), children: z.lazy(() => z.array(tree)) });

const methods = {
  "test.tree": method({
    summary: "",
    params: z.strictObject({ tree, other: tree.optional() }),
    result: tree,
    handle: ({ tree }) => tree,
  }),
  "test.any": method({ summary: "", params: z.unknown(), handle: () => null }),
};

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let node: AspenNode;
// biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests check.
let document: any;

beforeAll(async () => {
  directory = await temporaryDirectory();
  const module = new ContainerModule(({ bind }) => {
    const create = () => methodsHandler({ name: "test", priority: 500, methods });
    bind(POINTS.handlerFactory).toConstantValue({ name: "test", priority: 500, create });
  });
  node = await startNode(directory.path, {}, { modules: [module] });
  document = (await http(node.url, "/openapi.json", { method: "GET" })).body;
});

afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await directory.remove();
});

/** Problems that the compiler finds in a program, which lies beside this file so that it finds the libraries. */
async function typeErrors(files: Record<string, string>): Promise<string[]> {
  const folder = await mkdtemp(join(fileURLToPath(new URL(".", import.meta.url)), ".openapi-"));
  try {
    const paths = Object.keys(files).map((name) => join(folder, name));
    await Promise.all(Object.values(files).map((text, at) => writeFile(paths[at]!, text)));
    const program = ts.createProgram(paths, {
      noEmit: true,
      strict: true,
      skipLibCheck: true,
      types: [],
      lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
    });
    return ts.getPreEmitDiagnostics(program).map(({ messageText, start, file }) => {
      const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
      return `${line}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe("GET /openapi.json", () => {
  it("is a valid document of OpenAPI 3.1 with every method", async () => {
    const validator = new Validator();
    expect(await validator.validate(document)).toEqual({ valid: true });
    expect(validator.version).toBe("3.1");
    const described = (await node.client.call("rpc.describe")).methods.map(({ method }) => `/rpc/${method}`);
    expect(Object.keys(document.paths).toSorted()).toEqual(["/rpc", ...described].toSorted());
    expect(document.paths["/rpc/kv.scan"].post.responses[200].content).toHaveProperty(["application/x-ndjson"]);
  });

  it("has no reference that leads nowhere, recursive schemas included", () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, target]) => target!);
    expect(references.some((target) => target.includes("test.tree"))).toBe(true);
    for (const target of references) {
      expect(target).toMatch(/^#\/components\//);
      const path = target.slice(2).split("/");
      expect(path.reduce((at, key) => at?.[key], document)).toBeDefined();
    }
  });

  it("gives a client whose types know the methods, and which calls kv.put", async () => {
    const types = astToString(await openapiTS(document));
    const program = [
      'import createClient from "openapi-fetch";',
      'import type { paths } from "./paths.js";',
      'const client = createClient<paths>({ baseUrl: "http://127.0.0.1" });',
      'const put = await client.POST("/rpc/kv.put", { body: { key: "t:a", value: "1" } });',
      "const version: number | undefined = put.data?.version;",
      'await client.POST("/rpc/kv.put", { body: { key: 1, value: "1" } });',
      'await client.POST("/rpc/kv.none", { body: {} });',
      "export { version };",
    ];
    const problems = await typeErrors({ "paths.ts": types, "program.ts": program.join("\n") });
    expect(problems.map((problem) => problem.split(":", 1)[0])).toEqual(["6", "7"]);

    // The types are checked above; here they would be those of a document that is known only now.
    // biome-ignore lint/suspicious/noExplicitAny: see above.
    const client = createClient<any>({ baseUrl: node.url }) as any;
    const put = await client.POST("/rpc/kv.put", { body: { key: "t:client", value: "by a client" } });
    expect(put.data).toEqual({ version: expect.any(Number) });
    expect(await node.client.call("kv.get", { key: "t:client" })).toMatchObject({ value: "by a client" });
    const refused = await client.POST("/rpc/kv.put", { body: {} });
    expect(refused.error).toMatchObject({ error: { code: "INVALID_PARAMS" } });
  });
});
