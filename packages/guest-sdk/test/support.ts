import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  AspenError,
  encodeUtf8,
  type HostFunctionName,
  RESULT_ERROR,
  RESULT_NOT_FOUND,
  RESULT_OK,
} from "@aspen/plugin-api";
import { compilePlugin } from "../src/compiler/index.js";
import { type GuestHost, GuestRunner } from "../src/testing/index.js";

export const SAMPLER = fileURLToPath(new URL("./fixtures/sampler", import.meta.url));

/** A plugin's folder of a test's own. */
export class PluginFolder implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async create(source: string, manifest: object = {}): Promise<PluginFolder> {
    const folder = new PluginFolder(await mkdtemp(join(tmpdir(), "aspen-plugin-")));
    const full = { name: "sample", version: "1.0.0", api_version: "1", handles: ["sample.*"], ...manifest };
    await folder.write("plugin.json", JSON.stringify(full));
    await folder.write("src/plugin.ts", source);
    return folder;
  }

  async write(name: string, content: string): Promise<void> {
    const path = join(this.path, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

/** The error that a promise ends with; anything else than one of the project's is thrown. */
export async function failure(promise: Promise<unknown>): Promise<AspenError> {
  const error = await promise.then(
    () => new Error("it did not fail"),
    (thrown: unknown) => thrown,
  );
  if (error instanceof AspenError) return error;
  throw error;
}

/** A plugin's source with one handler, `sample.run`. */
export function handler(body: string, imports = "definePlugin"): string {
  return `import { ${imports} } from "@aspen/guest-sdk";\nexport default definePlugin({ handlers: { "sample.run": async (params) => { ${body} } } });\n`;
}

export async function runner(directory: string, host: GuestHost = {}): Promise<GuestRunner> {
  const { wasm } = await compilePlugin(directory);
  return new GuestRunner(await WebAssembly.compile(wasm as BufferSource), host);
}

/** Calls a method; returns its result or its error, parsed. */
export function request(guest: GuestRunner, method: string, params: unknown = null): unknown {
  const result = guest.call("handle_request", JSON.stringify({ method, params, requestId: "r1" }));
  if (result.ok) return JSON.parse(result.output);
  return { error: JSON.parse(result.error) as { code?: string; message: string; stack?: string } };
}

export const ok = (payload: Uint8Array = new Uint8Array()) => Uint8Array.from([RESULT_OK, ...payload]);
export const notFound = () => Uint8Array.of(RESULT_NOT_FOUND);
export const refused = (code: string, message: string) =>
  Uint8Array.from([RESULT_ERROR, ...encodeUtf8(JSON.stringify({ code, message }))]);

/** A host that keeps every call and gives each function one answer. */
export function recordingHost(answers: Partial<Record<HostFunctionName, Uint8Array>>): GuestHost & {
  calls: [HostFunctionName, ...(string | null)[]][];
} {
  const calls: [HostFunctionName, ...(string | null)[]][] = [];
  return {
    calls,
    hostCall(name, args) {
      calls.push([name, ...args.map((arg) => arg && new TextDecoder().decode(arg))]);
      return answers[name] ?? ok();
    },
  };
}
