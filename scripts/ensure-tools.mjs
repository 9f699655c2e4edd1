// Finds the programs that the tests start on the PATH, or installs them where it may (Debian, as root), or says what to
// install. `node scripts/ensure-tools.mjs [NAME...]`.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * What the tests start; `debian` is the package that has it, `elsewhere` how to get it on other systems. `version` is the
 * argument that makes it print its version and end.
 */
const TOOLS = {
  git: { debian: "git", elsewhere: "`brew install git`, `apk add git`, or https://git-scm.com/downloads" },
  "redis-server": {
    debian: "redis-server",
    elsewhere: "`brew install redis`, `apk add redis`, or https://redis.io/docs/latest/operate/oss_and_stack/install/",
  },
  bwrap: {
    debian: "bubblewrap",
    elsewhere: "`dnf install bubblewrap`, `apk add bubblewrap`, or https://github.com/containers/bubblewrap",
  },
  clang: {
    debian: "clang",
    elsewhere: "https://releases.llvm.org, with the target wasm32",
  },
  "wasm-ld": {
    debian: "lld",
    elsewhere: "https://releases.llvm.org: it is part of LLD",
  },
  "nix-build": {
    debian: "nix-bin",
    elsewhere: "https://nixos.org/download",
  },
  dig: {
    debian: "bind9-dnsutils",
    elsewhere: "`brew install bind`, `apk add bind-tools`, or `dnf install bind-utils`",
    version: "-v",
  },
};

/** Makes sure that these programs can be started; exits with a message when one cannot. */
export function ensureTools(names = Object.keys(TOOLS)) {
  const missing = names.filter((name) => !starts(name));
  if (missing.length === 0) return;
  if (process.platform === "linux" && existsSync("/etc/debian_version") && process.getuid() === 0) {
    const packages = missing.map((name) => TOOLS[name].debian);
    const install = ["install", "-y", "--no-install-recommends", ...packages];
    console.log(`${missing.join(", ")} not on the PATH; installing: apt-get ${install.join(" ")}`);
    for (const args of [["update"], install]) {
      const { status, error } = spawnSync("apt-get", args, {
        stdio: ["ignore", "inherit", "inherit"],
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      });
      if (error || status !== 0) {
        fail(missing, `apt-get ${args.join(" ")} failed (${error ? error.message : `exit status ${status}`}).`);
      }
    }
  }
  const absent = names.filter((name) => !starts(name));
  if (absent.length > 0) fail(absent, `The tests start ${absent.join(", ")}, which must be on the PATH.`);
}

function starts(name) {
  return spawnSync(name, [TOOLS[name].version ?? "--version"], { stdio: "ignore" }).status === 0;
}

function fail(names, message) {
  console.error(message);
  for (const name of names) {
    const { debian, elsewhere } = TOOLS[name];
    console.error(`${name}: \`apt-get install ${debian}\`, ${elsewhere}`);
  }
  console.error("Then run this again.");
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => !(name in TOOLS));
  if (unknown.length > 0) {
    console.error(`no tool is named ${unknown.join(", ")}; tools: ${Object.keys(TOOLS).join(", ")}`);
    process.exit(2);
  }
  ensureTools(names.length > 0 ? names : undefined);
}
