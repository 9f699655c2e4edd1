import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import ts from "typescript";

/** The specifiers that a JavaScript or TypeScript file imports, statically or dynamically. */
export function importsOf(file) {
  return ts.preProcessFile(readFileSync(file, "utf8"), true, true).importedFiles.map(({ fileName }) => fileName);
}

/** Those that are loaded with the file itself; not those of `import()`. */
export function staticImportsOf(file) {
  const { statements } = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.ESNext);
  return statements.flatMap(({ moduleSpecifier }) => moduleSpecifier?.text ?? []);
}

export const isRelative = (specifier) => specifier.startsWith(".") || specifier.startsWith("/");

/** `@scope/name` or `name` of a bare specifier; null for a relative one and for what Node brings along. */
export function packageOf(specifier) {
  if (isRelative(specifier) || specifier.startsWith("#") || isBuiltin(specifier)) return null;
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}
