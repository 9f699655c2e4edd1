/** Entry of the SDK's own build: links the engine template that every plugin starts from. Needs binaryen. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { exportSection, readExports, readSections, SECTION, writeSections } from "../wasm/binary.js";
import { adapterWat, TEMPLATE_EXPORTS, TEMPLATE_GLOBALS, wasiWat } from "./adapter.js";
import { TEMPLATE_FILE } from "./template-file.js";

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
const binaryen = dirname(require.resolve("binaryen/package.json"));
const binaryenVersion = (require("binaryen/package.json") as { version: string }).version;

const stampFile = `${TEMPLATE_FILE}.json`;
const inputs = createHash("sha256")
  .update(readFileSync(quickjs))
  .update(adapterWat())
  .update(wasiWat())
  .update([...KEPT_EXPORTS, ...FEATURES, binaryenVersion].join())
  .digest("hex");

function isCurrent(): boolean {
  return existsSync(TEMPLATE_FILE) && existsSync(stampFile) && readFileSync(stampFile, "utf8") === inputs;
}

function tool(name: string, args: readonly string[]): void {
  execFileSync(process.execPath, [join(binaryen, "bin", name), ...args], { stdio: ["ignore", "inherit", "inherit"] });
}

function build(folder: string): void {
  const file = (name: string) => join(folder, name);
  writeFileSync(file("adapter.wat"), adapterWat());
  writeFileSync(file("wasi.wat"), wasiWat());
  const modules = [quickjs, "q", file("adapter.wat"), "env", file("wasi.wat"), "wasi_snapshot_preview1"];
  tool("wasm-merge", [...modules, "-o", file("merged.wasm"), ...FEATURES]);
  const sections = readSections(readFileSync(file("merged.wasm")));
  const kept = exportSection(readExports(sections).filter((it) => KEPT_EXPORTS.has(it.name)));
  writeFileSync(
    file("kept.wasm"),
    writeSections(sections.map((section) => (section.id === SECTION.export ? kept : section))),
  );
  tool("wasm-opt", [
    file("kept.wasm"),
    "-O2",
    "--strip-debug",
    "--strip-producers",
    "-o",
    file("template.wasm"),
    ...FEATURES,
  ]);
  writeFileSync(`${TEMPLATE_FILE}.tmp`, readFileSync(file("template.wasm")));
  renameSync(`${TEMPLATE_FILE}.tmp`, TEMPLATE_FILE);
  writeFileSync(stampFile, inputs);
}

if (isCurrent()) {
  console.log("engine template: current");
} else {
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "aspen-template-"));
  try {
    build(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const { length } = readFileSync(TEMPLATE_FILE);
  console.log(`engine template: ${length} bytes in ${Math.round(performance.now() - started)} ms`);
}
