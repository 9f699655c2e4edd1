/** Entry of the SDK's own build: links the engine templates that plugins start from. Needs binaryen. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { SECTION } from "@aspen/plugin-api/wasm";
import { exportSection, readExports, readSections, writeSections } from "../wasm/binary.js";
import { adapterWat, TEMPLATE_EXPORTS, TEMPLATE_GLOBALS, wasiWat } from "./adapter.js";
import { linkExtension } from "./link-extension.js";
import { TEMPLATE_FILES, type TemplateKind } from "./template-file.js";

const FEATURES = [
  "bulk-memory",
  "mutable-globals",
  "sign-ext",
  "nontrapping-float-to-int",
  "multivalue",
  "reference-types",
].map((feature) => `--enable-${feature}`);

/** What the build of a plugin calls; everything else is unreachable and optimised away. */
const KEPT_EXPORTS = new Set<string>([
  ...["memory", "__stack_pointer", "_initialize", "wasm_malloc", "wasm_free"],
  ...["qjs_init", "qjs_eval", "qjs_compile", "qjs_eval_bytecode", "qjs_get_global", "qjs_get_context_ptr"],
  ...["qjs_new_object", "qjs_new_host_function", "qjs_set_prop_string", "qjs_get_prop_string", "qjs_free_value"],
  ...["qjs_is_exception", "qjs_get_exception", "qjs_get_string_len", "qjs_free_cstring", "qjs_get_undefined"],
  ...["qjs_is_job_pending", "qjs_execute_pending_job", "qjs_run_gc"],
  ...["qjs_set_interrupt_handler", "qjs_set_max_stack_size", "qjs_set_promise_rejection_handler"],
  ...TEMPLATE_GLOBALS,
  ...TEMPLATE_EXPORTS.map((_, at) => `run_${at}`),
]);

const require = createRequire(import.meta.url);
const quickjs = require.resolve("quickjs-wasi/quickjs.wasm");
const urlLibrary = require.resolve("quickjs-wasi/url.so");
const binaryen = dirname(require.resolve("binaryen/package.json"));
const binaryenVersion = (require("binaryen/package.json") as { version: string }).version;
// The URL library computes addresses in constant expressions; the optimiser replaces them by their values.
const LINK_FEATURES = [...FEATURES, "--enable-extended-const"];

const inputs = createHash("sha256")
  .update(readFileSync(quickjs))
  .update(readFileSync(urlLibrary))
  .update(readFileSync(fileURLToPath(import.meta.url)))
  .update(adapterWat())
  .update(wasiWat())
  .update([...KEPT_EXPORTS, ...LINK_FEATURES, binaryenVersion].join())
  .digest("hex");

function stampOf(kind: TemplateKind): string {
  return `${TEMPLATE_FILES[kind]}.json`;
}

function isCurrent(kind: TemplateKind): boolean {
  const stamp = stampOf(kind);
  return existsSync(TEMPLATE_FILES[kind]) && existsSync(stamp) && readFileSync(stamp, "utf8") === inputs;
}

function tool(name: string, args: readonly string[]): void {
  execFileSync(process.execPath, [join(binaryen, "bin", name), ...args], { stdio: ["ignore", "inherit", "inherit"] });
}

function keepExports(from: string, to: string, kept: ReadonlySet<string>): void {
  const sections = readSections(readFileSync(from));
  const exports = exportSection(readExports(sections).filter((it) => kept.has(it.name)));
  writeFileSync(to, writeSections(sections.map((section) => (section.id === SECTION.export ? exports : section))));
}

/** The engine of a kind of template, as a file. */
async function engineOf(kind: TemplateKind, folder: string): Promise<string> {
  if (kind === "plain") return quickjs;
  const file = (name: string) => join(folder, name);
  const linked = await linkExtension(readFileSync(quickjs), readFileSync(urlLibrary), "url");
  for (const [name, content] of linked.files) writeFileSync(file(name), content);
  const merge = ["-o", file("linked.wasm"), "--skip-export-conflicts", ...LINK_FEATURES];
  tool("wasm-merge", [...linked.mergeArguments(folder), ...merge]);
  keepExports(file("linked.wasm"), file("exported.wasm"), linked.exports);
  const passes = ["--simplify-globals", "--precompute", "--remove-unused-module-elements"];
  tool("wasm-opt", [file("exported.wasm"), ...passes, "-o", file("quickjs-url.wasm"), ...LINK_FEATURES]);
  return file("quickjs-url.wasm");
}

async function build(kind: TemplateKind, folder: string): Promise<void> {
  const file = (name: string) => join(folder, name);
  writeFileSync(file("adapter.wat"), adapterWat());
  writeFileSync(file("wasi.wat"), wasiWat());
  const modules = [await engineOf(kind, folder), "q", file("adapter.wat"), "env"];
  tool("wasm-merge", [...modules, file("wasi.wat"), "wasi_snapshot_preview1", "-o", file("merged.wasm"), ...FEATURES]);
  keepExports(file("merged.wasm"), file("kept.wasm"), KEPT_EXPORTS);
  const strip = ["-O2", "--strip-debug", "--strip-producers"];
  tool("wasm-opt", [file("kept.wasm"), ...strip, "-o", file("template.wasm"), ...FEATURES]);
  const target = TEMPLATE_FILES[kind];
  writeFileSync(`${target}.tmp`, readFileSync(file("template.wasm")));
  renameSync(`${target}.tmp`, target);
  writeFileSync(stampOf(kind), inputs);
}

for (const kind of Object.keys(TEMPLATE_FILES) as TemplateKind[]) {
  if (isCurrent(kind)) {
    console.log(`engine template ${kind}: current`);
    continue;
  }
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "aspen-template-"));
  try {
    await build(kind, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const { length } = readFileSync(TEMPLATE_FILES[kind]);
  console.log(`engine template ${kind}: ${length} bytes in ${Math.round(performance.now() - started)} ms`);
}
