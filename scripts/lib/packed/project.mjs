import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import semver from "semver";
import { capture } from "../run.mjs";

/** The oldest Node that has to be able to run what is installed. */
const OLDEST_NODE = "20.19.0";

/** Milliseconds for one install. */
const INSTALL_MS = 10 * 60_000;

/** A folder outside the repository, into which packages are installed as anybody would. */
export class PackedProject {
  /**
   * @param {string} folder
   * @param {Map<string, string>} tarballs Where the tarball of each of our packages is.
   */
  constructor(folder, tarballs) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
    // A package of ours that another asks for is taken from its tarball, not from a registry.
    const overrides = Object.fromEntries([...tarballs].map(([name, file]) => [name, `file:${file}`]));
    this.manifest = { name: "empty", private: true, type: "module", dependencies: {}, overrides };
  }

  /** Adds dependencies, `name` to `range`, and installs; ours come from their tarballs, whatever the range. */
  async install(dependencies) {
    for (const [name, range] of Object.entries(dependencies)) {
      this.manifest.dependencies[name] = this.manifest.overrides[name] ?? range;
    }
    writeFileSync(join(this.folder, "package.json"), JSON.stringify(this.manifest, null, 2));
    const args = ["install", "--engine-strict", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
    const { status, output } = await capture("npm", args, { cwd: this.folder, timeout: INSTALL_MS });
    if (status !== 0) throw new Error(`npm install of ${Object.keys(dependencies).join(", ")} failed:\n${output}`);
  }

  /** What is installed: `{ path, name, version, engines }` of each package, nested ones too. */
  installed() {
    const lock = JSON.parse(readFileSync(join(this.folder, "node_modules", ".package-lock.json"), "utf8"));
    return Object.entries(lock.packages).map(([path, entry]) => ({
      path,
      name: path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length),
      ...entry,
    }));
  }

  /** The `package.json` of an installed package. */
  manifestOf(name) {
    return JSON.parse(readFileSync(join(this.folder, "node_modules", name, "package.json"), "utf8"));
  }

  /** What is installed although it asks for a newer Node than ours does. */
  tooNew() {
    return this.installed()
      .filter(({ engines }) => engines?.node && !semver.satisfies(OLDEST_NODE, engines.node))
      .map(({ path, version, engines }) => `${path} ${version} asks for Node ${engines.node}, we for ${OLDEST_NODE}`);
  }

  /** Runs a program in the folder; throws with its output when it fails or does not end. */
  async run(file, limitMs) {
    const { status, output } = await capture(process.execPath, [file], { cwd: this.folder, timeout: limitMs });
    if (status !== 0) throw new Error(`${file} failed (exit status ${status}):\n${output}`);
  }
}
