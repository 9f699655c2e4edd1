import { join } from "node:path";
import ts from "typescript";
import { ROOT } from "../workspaces.mjs";

const RESOLUTIONS = {
  nodenext: { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
  bundler: { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
};

const OPTIONS = {
  target: ts.ScriptTarget.ES2022,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
  types: ["node"],
  typeRoots: [join(ROOT, "node_modules", "@types")],
};

/** Reads the files of the repository, the compiler's library and `@types/node`, once for all programs. */
const host = ts.createCompilerHost(OPTIONS);
const read = host.getSourceFile;
const kept = new Map();
host.getSourceFile = (name, options, ...rest) => {
  if (!name.startsWith(ROOT)) return read(name, options, ...rest);
  const key = `${options.impliedNodeFormat} ${name}`;
  if (!kept.has(key)) kept.set(key, read(name, options, ...rest));
  return kept.get(key);
};

/**
 * What the compiler finds wrong with files of a project and with our declarations that they import, without the `dom`
 * library and without `skipLibCheck`. Declarations of others are their own affair.
 */
export function typeProblems(project, files, lib = ["lib.es2022.d.ts"]) {
  return Object.entries(RESOLUTIONS).flatMap(([name, resolution]) => {
    const program = ts.createProgram(files, { ...resolution, ...OPTIONS, lib }, host);
    const ours = program
      .getSourceFiles()
      .filter(({ fileName }) => files.includes(fileName) || fileName.includes("/node_modules/@aspen/"));
    return [
      ...program.getConfigFileParsingDiagnostics(),
      ...program.getOptionsDiagnostics(),
      ...program.getGlobalDiagnostics(),
      ...ours.flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]),
    ].map(({ file, start, messageText }) => {
      const line = file ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
      const where = file ? `${file.fileName.slice(project.folder.length + 1)}:${line}` : "(compiler)";
      return `${name}: ${where}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
    });
  });
}

/** The program of a TypeScript example, with the types taken off. */
export const withoutTypes = (code) =>
  ts.transpileModule(code, { compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext } })
    .outputText;
