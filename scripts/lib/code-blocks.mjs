import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { ROOT } from "./workspaces.mjs";

/**
 * A block of TypeScript or JavaScript of a Markdown file.
 * @typedef {object} CodeBlock
 * @property {string} where File and line, for people.
 * @property {string} code
 * @property {"plugin" | "program"} kind A plugin is compiled by the SDK; anything else runs in Node.
 */

const PLUGIN_MARK = /^\/\/ plugin\n/;

/** The address that examples name; a test replaces it with that of a server of its own. */
export const EXAMPLE_REDIS_URL = "redis://127.0.0.1:6379";

/** Every such block of the README files and of `docs`. */
export function codeBlocks() {
  const markdown = (folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".md"))
      .map((name) => join(folder, name));
  const packages = readdirSync(join(ROOT, "packages")).map((name) => join(ROOT, "packages", name));
  return [ROOT, join(ROOT, "docs"), ...packages].flatMap(markdown).flatMap(codeBlocksOf);
}

/**
 * The blocks of one file.
 * @param {string} file
 * @returns {CodeBlock[]}
 */
export function codeBlocksOf(file) {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/^```(?:ts|js)\n([\s\S]*?)^```$/gm)].map((match) => {
    const line = text.slice(0, match.index).split("\n").length;
    const [, code = ""] = match;
    return {
      where: `${relative(ROOT, file)}:${line}`,
      code,
      kind: PLUGIN_MARK.test(code) ? "plugin" : "program",
    };
  });
}
