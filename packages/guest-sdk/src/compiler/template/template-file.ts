import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** Root of this package, wherever this file was bundled to. */
export const PACKAGE_ROOT = dirname(createRequire(import.meta.url).resolve("@aspen/guest-sdk/package.json"));

/** The engine without and with `URL`, which makes a plugin larger by a third. */
export type TemplateKind = "plain" | "url";

/** The engine templates; made when the SDK is built. */
export const TEMPLATE_FILES: Readonly<Record<TemplateKind, string>> = {
  plain: join(PACKAGE_ROOT, "dist", "template.wasm"),
  url: join(PACKAGE_ROOT, "dist", "template-url.wasm"),
};
