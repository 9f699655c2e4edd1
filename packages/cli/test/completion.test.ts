import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandTable } from "../src/completion/command-table.js";
import { createProgram } from "../src/program.js";
import { aspen } from "./support.js";

let directory: string;
const table = commandTable(createProgram("1.0.0"));

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "aspen-completion-test-"));
  await writeFile(join(directory, "plugin one.json"), "");
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, stdout, stderr } = await aspen(["completion", shell]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    await writeFile(join(directory, `aspen.${shell}`), stdout);
  }
});

afterAll(() => rm(directory, { recursive: true, force: true }));

const isThere = (shell: string) => spawnSync(shell, ["-c", "exit 0"]).status === 0;

/** Runs a script of a shell with these arguments; its lines, in order. */
function run(shell: string, options: readonly string[], script: string, args: readonly string[]): string[] {
  const ran = spawnSync(shell, [...options, "-c", script, ...(shell === "fish" ? [] : [shell]), ...args], {
    cwd: directory,
  });
  expect({ status: ran.status, stderr: String(ran.stderr) }).toEqual({ status: 0, stderr: "" });
  return String(ran.stdout).split("\n").filter(Boolean).sort();
}

/** What a shell offers for the last of the words. */
const SHELLS: Record<string, (words: readonly string[]) => string[]> = {
  bash: (words) => {
    // As readline calls it; `set -u` finds what is not set.
    const script = `set -u; eval "$(cat aspen.bash)"; eval "$(cat aspen.bash)"
COMP_WORDS=(aspen "$@"); COMP_CWORD=$#
_aspen || true; printf '%s\\n' \${COMPREPLY[@]+"\${COMPREPLY[@]}"}`;
    return run("bash", ["--norc"], script, words);
  },
  zsh: (words) => {
    // The functions of its completion system, which works on a terminal only, say what they are given.
    const script = `compdef() { }; _files() { print -l -- *(N) }
_describe() { print -l -- \${\${(P)2}%%:*} }; compadd() { shift; print -l -- "$@" }
eval "$(cat aspen.zsh)"; words=(aspen "$@"); CURRENT=$#words; _aspen; true`;
    const prefix = words.at(-1)!;
    return run("zsh", ["-f"], script, words).filter((word) => word.startsWith(prefix));
  },
  fish: (words) => {
    const line = ["aspen", ...words.slice(0, -1)].join(" ");
    const script = `source aspen.fish; complete -C '${line} ${words.at(-1)}' | string replace -r '\\t.*' ''; true`;
    return run("fish", ["--no-config"], script, []);
  },
};

describe.each(Object.keys(SHELLS).filter(isThere))("aspen completion %s", (shell) => {
  const offered = (...words: string[]) => SHELLS[shell]!(words);

  it("completes commands, at any depth", () => {
    expect(offered("kv", "")).toEqual(["append", "cas", "delete", "get", "help", "put", "scan"]);
    expect(offered("pl")).toEqual(["plugin"]);
    expect(offered("job", "schedule", "p")).toEqual(["pause"]);
    expect(offered("job", "schedule", "nothing")).toEqual([]);
    expect(offered("nothing", "").filter((word) => word === "kv")).toEqual(["kv"]);
  });

  it("completes options, and what they choose from", () => {
    expect(offered("kv", "put", "--tt")).toEqual(["--ttl-ms"]);
    expect(offered("node", "start", "--log-level", "w")).toEqual(["warn"]);
    expect(offered("completion", "")).toEqual(["bash", "fish", "zsh"]);
  });

  it("does not take the value of an option for a command", () => {
    expect(offered("--node", "kv", "pl")).toEqual(["plugin"]);
    expect(offered("kv", "--node", "get", "sc")).toEqual(["scan"]);
    expect(offered("kv", "--timeout", "")).toEqual([]);
  });

  it("completes files", () => {
    const escaped = (names: string[]) => names.map((name) => name.replaceAll("\\", ""));
    expect(escaped(offered("plugin", "install", "plugin"))).toEqual(["plugin one.json"]);
    expect(escaped(offered("node", "start", "--config", "plugin"))).toEqual(["plugin one.json"]);
  });
});

describe("bash", () => {
  it("is offered every command and option that there is", () => {
    for (const { path, commands, options } of table) {
      const words = path.split(" ").filter(Boolean);
      if (commands.length > 0) {
        expect([path, SHELLS.bash!([...words, ""])]).toEqual([path, commands.map(({ name }) => name).sort()]);
      }
      const flags = options.flatMap((option) => [...option.flags]).sort();
      expect([path, SHELLS.bash!([...words, "-"])]).toEqual([path, flags]);
    }
    expect(table.length).toBeGreaterThan(50);
  });

  it("runs nothing of what was typed", () => {
    const typed = [
      "kv",
      "put",
      "$(touch pwned)",
      "`touch pwned`",
      "'; touch pwned; '",
      "--node",
      "$(touch pwned)",
      "-",
    ];
    expect(SHELLS.bash!(typed)).toContain("--file");
    expect(SHELLS.bash!(["$(touch pwned)", "$(touch pwned)"])).toEqual([]);
    expect(run("bash", [], "ls", [])).not.toContain("pwned");
  });

  it("completes behind an equals sign, which it takes for a word", () => {
    expect(SHELLS.bash!(["node", "start", "--log-level", "=", "w"])).toEqual(["warn"]);
    expect(SHELLS.bash!(["node", "start", "--log-level", "=", "warn", "--sa"])).toEqual(["--safe-mode"]);
  });
});

it("refuses a shell that it does not know", async () => {
  expect(await aspen(["completion", "tcsh"])).toMatchObject({ code: 2, stdout: "" });
  expect((await aspen(["--help"])).stdout).toMatch(/^ +completion <shell> /m);
});
