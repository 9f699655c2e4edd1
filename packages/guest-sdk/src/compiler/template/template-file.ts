import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** Root of this package, wherever this file was bundled to. */
export const PACKAGE_ROOT = dirname(createRequire(import.meta.url).resolve("@aspen/guest-sdk/package.json"));

/** The engine template; made when the SDK is built. */
export const TEMPLATE_FILE = join(PACKAGE_ROOT, "dist", "template.wasm");
