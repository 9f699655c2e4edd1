import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { capture } from "../run.mjs";
import { ROOT } from "../workspaces.mjs";
import { typeProblems, withoutTypes } from "./types.mjs";

/** Lines that a feature of one's own may take. */
const MOST_LINES = 60;

/** Milliseconds for one program. */
const LIMIT_MS = 120_000;

/** What its programs use beyond what our types ask for: `await using`. */
const LIB = ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"];

/** The feature of `examples/custom-node` compiles and runs outside the repository, with what the tarballs install. */
export async function checkCustomNode(project) {
  const example = join(ROOT, "examples", "custom-node");
  const { dependencies } = JSON.parse(readFileSync(join(example, "package.json"), "utf8"));
  await project.install(dependencies);
  cpSync(join(example, "src"), project.folder, { recursive: true });
  const sources = readdirSync(project.folder)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join(project.folder, file));

  const problems = typeProblems(project, sources, LIB);
  const lines = readFileSync(join(project.folder, "greeter.ts"), "utf8").trimEnd().split("\n").length;
  if (lines > MOST_LINES) problems.push(`greeter.ts has ${lines} lines, more than ${MOST_LINES}`);
  if (problems.length > 0) return problems;
  for (const file of sources) {
    writeFileSync(file.replace(/\.ts$/, ".js"), withoutTypes(readFileSync(file, "utf8")));
  }
  const visit = join(project.folder, "visit.mjs");
  cpSync(join(import.meta.dirname, "custom-node-visit.mjs"), visit);
  await project.run(visit, LIMIT_MS).catch((error) => problems.push(error.message));
  return [...problems, ...(await wrongKeyProblems(project))];
}

/** The node says which key it does not know, which it may have meant, and does not start. */
async function wrongKeyProblems(project) {
  const file = join(project.folder, "wrong-key.mjs");
  const main = readFileSync(join(project.folder, "main.js"), "utf8");
  const wrong = main.replace("greeting:", "greting:");
  if (wrong === main) return ["main.ts: has no key `greeting:` to misspell"];
  writeFileSync(file, wrong);
  const { status, output } = await capture(process.execPath, [file], { cwd: project.folder, timeout: LIMIT_MS });
  const said = output.includes("CONFIG_INVALID") && /features\.greeter\.greting.*greeting/.test(output);
  return status === 1 && said ? [] : [`with the key \`greting\` the node ended with ${status}, and said:\n${output}`];
}
