import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./workspaces.mjs";

export const rootManifest = () => JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));

/** The address under which people read a file of the repository, as GitHub and its kin have it. */
export function repositoryWeb(path = "") {
  const web = rootManifest()
    .repository.url.replace(/^git\+/, "")
    .replace(/\.git$/, "");
  return path === "" ? web : `${web}/blob/HEAD/${path}`;
}
