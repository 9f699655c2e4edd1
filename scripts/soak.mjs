// `npm run soak`: the long runs, packages/*/test/soak/*.soak.mjs, one after the other. `npm run soak -- NAME` runs one.
import { basename, join, relative } from "node:path";
import { run } from "./lib/run.mjs";
import { filesBelow, ROOT, workspaces } from "./lib/workspaces.mjs";

const soaks = workspaces(["packages"])
  .flatMap(({ folder }) => filesBelow(join(folder, "test", "soak"), /\.soak\.mjs$/))
  .map((file) => ({ file, name: basename(file, ".soak.mjs") }));
const names = soaks.map(({ name }) => name).join(", ") || "none";
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !soaks.some((soak) => soak.name === name));
const chosen = wanted.length > 0 ? soaks.filter(({ name }) => wanted.includes(name)) : soaks;
if (unknown.length > 0 || chosen.length === 0) {
  console.error(unknown.length > 0 ? `there is no soak named ${unknown.join(", ")}` : "there are no soaks");
  console.error(`soaks: ${names}`);
  process.exit(2);
}

const failed = [];
for (const { file, name } of chosen) {
  console.log(`soak ${name}: ${relative(ROOT, file)}`);
  const started = Date.now();
  const status = await run(process.execPath, [file]);
  console.log(
    `soak ${name}: ${status === 0 ? "passed" : `FAILED (exit status ${status})`} after ${Math.round((Date.now() - started) / 1000)} s`,
  );
  if (status !== 0) failed.push(name);
}
console.log(`${chosen.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;
