import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { capture } from "../run.mjs";

/** Packs packages as npm would to publish them: where the tarball of each is, by its name. */
export async function pack(packages, folder) {
  mkdirSync(folder, { recursive: true });
  const args = ["pack", "--silent", "--pack-destination", folder];
  const { status, output } = await capture("npm", [...args, ...packages.flatMap(({ path }) => ["-w", path])]);
  if (status !== 0) throw new Error(`npm pack failed:\n${output}`);
  return new Map(
    packages.map(({ manifest: { name, version } }) => [
      name,
      join(folder, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`),
    ]),
  );
}
