// Links of a package's README that lead elsewhere in the repository: `absolute` before it is packed, as npm shows it
// without its neighbours, and `relative` again afterwards. Runs in the package's folder (prepack, postpack).
import { readFileSync, writeFileSync } from "node:fs";
import { posix, relative, resolve, sep } from "node:path";
import { repositoryWeb } from "./lib/repository.mjs";
import { ROOT } from "./lib/workspaces.mjs";

const here = relative(ROOT, process.cwd()).split(sep).join("/");
const web = `${repositoryWeb(here).slice(0, -here.length)}`;
const file = resolve("README.md");
const text = readFileSync(file, "utf8");

/** Rewrites the targets of Markdown links. */
const links = (rewrite) => text.replace(/\]\(([^)\s]+)\)/g, (_, target) => `](${rewrite(target)})`);

const direction = process.argv[2];
if (direction === "absolute") {
  writeFileSync(
    file,
    links((target) => (/^(#|[a-z]+:)/.test(target) ? target : web + posix.normalize(`${here}/${target}`))),
  );
} else if (direction === "relative") {
  writeFileSync(
    file,
    links((target) => (target.startsWith(web) ? posix.relative(here, target.slice(web.length)) : target)),
  );
} else {
  console.error("readme-links.mjs absolute|relative");
  process.exitCode = 2;
}
