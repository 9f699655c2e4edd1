// `npm run bench -- NAME [ARGUMENTS]` runs bench/src/NAME.mjs; without a name it lists them. Needs a build.
import { basename, join } from "node:path";
import { run } from "./lib/run.mjs";
import { filesBelow, ROOT } from "./lib/workspaces.mjs";

const folder = join(ROOT, "bench", "src");
const names = filesBelow(folder, /^[a-z0-9-]+\.mjs$/)
  .filter((file) => join(folder, basename(file)) === file)
  .map((file) => basename(file, ".mjs"));
const [wanted, ...rest] = process.argv.slice(2);
if (wanted && names.includes(wanted)) {
  process.exitCode = await run(process.execPath, ["--expose-gc", join(folder, `${wanted}.mjs`), ...rest]);
} else {
  if (wanted) console.error(`there is no benchmark named ${wanted}`);
  else console.log("npm run bench -- NAME");
  console.log(`benchmarks: ${names.join(", ") || "none"}`);
  process.exitCode = wanted ? 2 : 0;
}
