import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A block of TypeScript or JavaScript of a Markdown file. */
export interface CodeBlock {
  /** File and line, for people. */
  where: string;
  code: string;
  /** A plugin is compiled by the SDK; anything else runs in Node. */
  kind: "plugin" | "program";
}

const PLUGIN_MARK = /^\/\/ plugin\n/;

/** Every such block of the README files and of `docs`. */
export function codeBlocks(): CodeBlock[] {
  const markdown = (folder: string) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".md"))
      .map((name) => join(folder, name));
  const packages = readdirSync(join(ROOT, "packages")).map((name) => join(ROOT, "packages", name));
  return [ROOT, join(ROOT, "docs"), ...packages].flatMap(markdown).flatMap(blocksOf);
}

function blocksOf(file: string): CodeBlock[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(/^```(?:ts|js)\n([\s\S]*?)^```$/gm)].map((match) => {
    const line = text.slice(0, match.index).split("\n").length;
    const code = match[1]!;
    return {
      where: `${relative(ROOT, file)}:${line}`,
      code,
      kind: PLUGIN_MARK.test(code) ? "plugin" : "program",
    };
  });
}
