import { join } from "node:path";
import { capture } from "../run.mjs";

/** Milliseconds for a command that prints something and ends. */
const LIMIT_MS = 60_000;

/** The commands of an installed package run, and say which version they are. */
export async function checkCommand(project, { bin, version }) {
  const problems = [];
  for (const name of Object.keys(bin)) {
    const command = join(project.folder, "node_modules", ".bin", name);
    const { status, output } = await capture(command, ["--version"], { cwd: project.folder, timeout: LIMIT_MS });
    if (status !== 0 || output.trim() !== version) problems.push(`${name} --version ended with ${status}: ${output}`);
  }
  return problems;
}
