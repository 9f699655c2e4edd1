import { spawn } from "node:child_process";
import { chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { jobsErrors } from "../errors.js";
import { BwrapProcess } from "./bwrap-process.js";
import type { CgroupTree, JobCgroup } from "./cgroup/contract.js";
import { entering } from "./cgroup/enter.js";
import { cgroupName, openCgroups } from "./cgroup/open-cgroups.js";
import type { Jail, JailCommand, JailedProcess, JobSandbox } from "./contract.js";
import { FolderMount } from "./folder-mount.js";
import { inheritedFiles } from "./inherited-files.js";
import { bwrapOptions, JOB_FOLDER, prlimits } from "./jail-arguments.js";
import type { NormalJailOptions } from "./jail-options.js";
import { JAIL_PATH, type JailPrograms, jailPrograms } from "./programs.js";
import { systemView } from "./system-view.js";
import { makeWorkFolder, removeTree } from "./work-folder.js";

/** Milliseconds that a jail has to run the first program, which does nothing. */
const PROBE_MS = 15_000;

/** Before it enters its groups: closes descriptors that are none of the job's. */
const closing = (fds: readonly number[]) => fds.map((fd) => `exec ${fd}>&-; `).join("");

interface JailParts {
  readonly options: NormalJailOptions;
  readonly programs: JailPrograms;
  readonly system: readonly string[];
  readonly workFolder: string;
  readonly cgroups: CgroupTree | null;
  readonly withoutCgroups: string | null;
  /** Descriptors to close. */
  readonly inherited: readonly number[];
}

/** The folder of a job on this machine, and what is mounted over it for the job. */
interface JobPlace {
  readonly folder: string;
  readonly mount: FolderMount | null;
}

/** Namespaces by bubblewrap, limits by control groups and `prlimit`. */
export class BwrapJail implements Jail {
  readonly kind = "bwrap";
  readonly #parts: JailParts;
  #sandboxes = 0;

  private constructor(parts: JailParts) {
    this.#parts = parts;
  }

  /** @throws AspenError `TOOL_MISSING`, `JAIL_UNAVAILABLE` when the system does not let it */
  static async open(options: NormalJailOptions): Promise<BwrapJail> {
    const inherited = inheritedFiles();
    // Other shells know no descriptors of two digits.
    const programs = await jailPrograms(inherited.some((fd) => fd > 9) ? "bash" : "sh");
    const system = await systemView(options.readOnlyPaths);
    const { cgroups, why: withoutCgroups } = await openCgroups();
    const workFolder = await makeWorkFolder(options.workFolder);
    const jail = new BwrapJail({ options, programs, system, workFolder, cgroups, withoutCgroups, inherited });
    try {
      await jail.#probe();
    } catch (error) {
      await jail[Symbol.asyncDispose]();
      throw error;
    }
    return jail;
  }

  get limitedBy(): Jail["limitedBy"] {
    const { cgroups } = this.#parts;
    return cgroups ? `cgroup-v${cgroups.version}` : "prlimit";
  }

  get withoutCgroups(): string | null {
    return this.#parts.withoutCgroups;
  }

  async sandbox(jobId: string): Promise<JobSandbox> {
    this.#sandboxes += 1;
    const name = `${jobId}-${this.#sandboxes}`;
    const { workFolder, options } = this.#parts;
    const folder = join(workFolder, name);
    const owner = process.getuid?.() === 0 ? { uid: options.uid, gid: options.gid } : null;
    const { diskMiB } = options.limits;
    await mkdir(folder, { mode: 0o700 });
    let mount: FolderMount | null = null;
    try {
      if (owner) await chown(folder, owner.uid, owner.gid);
      if (diskMiB > 0) mount = await FolderMount.open({ programs: this.#parts.programs, folder, diskMiB, owner });
    } catch (error) {
      await removeTree(folder);
      throw error;
    }
    return {
      folder: mount?.path ?? folder,
      owner,
      start: (command) => this.#start({ folder, mount }, command),
      full: async () => (await mount?.full()) ?? false,
      async [Symbol.asyncDispose]() {
        await mount?.[Symbol.asyncDispose]();
        await removeTree(folder);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeTree(this.#parts.workFolder);
  }

  async #start(place: JobPlace, command: JailCommand): Promise<JailedProcess> {
    const { options, cgroups } = this.#parts;
    if (command.network && !options.allowNetwork) throw jobsErrors.networkDenied();
    const group = cgroups ? await cgroups.create(cgroupName(), options.limits) : null;
    try {
      return this.#spawn(place, command, group);
    } catch (error) {
      await group?.remove();
      throw error;
    }
  }

  #spawn(
    { folder, mount }: JobPlace,
    { command, args, env, cwd, network }: JailCommand,
    group: JobCgroup | null,
  ): BwrapProcess {
    const { options, programs, system } = this.#parts;
    const { limits, uid, gid } = options;
    const groups = group?.folders ?? [];
    const drop = [programs.setpriv, `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--inh-caps=-all", "--"];
    const jailed = [
      ...(mount?.entering ?? []),
      ...(process.getuid?.() === 0 ? drop : []),
      ...[programs.bwrap, "--args", "3", "--json-status-fd", "4", "--"],
      // In the jail.
      ...[programs.prlimit, ...prlimits(limits, group === null), "--", command, ...args],
    ];
    const child = spawn(programs.sh, entering(groups, jailed, closing(this.#parts.inherited)), {
      stdio: ["pipe", "pipe", "pipe", "pipe", "pipe"],
      // Not below 1, or bash takes the sockets that Node makes for a login from afar, and reads the user's .bashrc.
      env: { PATH: JAIL_PATH, SHLVL: "1" },
      cwd: "/",
      // A signal from the terminal is for the node, which ends its jobs itself.
      detached: true,
    });
    const base = { PATH: JAIL_PATH, HOME: JOB_FOLDER, TMPDIR: "/tmp", USER: "job", LANG: "C.UTF-8", SHLVL: "1" };
    const view = { system, folder, cwd, network, env: { ...base, ...env }, tmpMiB: limits.tmpMiB };
    const toBwrap = child.stdio[3] as Writable;
    // When it fails before it reads, its end says so.
    toBwrap.on("error", () => undefined);
    toBwrap.end(
      bwrapOptions(view)
        .map((option) => `${option}\0`)
        .join(""),
    );
    return new BwrapProcess(child, async () => {
      if (!group) return false;
      const outOfMemory = await group.outOfMemory();
      await group.remove();
      return outOfMemory;
    });
  }

  /** A program that does nothing. @throws AspenError `JAIL_UNAVAILABLE` */
  async #probe(): Promise<void> {
    await using sandbox = await this.sandbox("probe");
    const child = await sandbox.start({ command: "true", args: [], env: {}, cwd: "", network: false });
    const late = setTimeout(() => void child.kill(), PROBE_MS);
    try {
      child.stdin.end();
      child.stdout.resume();
      const [complaint, { exitCode }] = await Promise.all([text(child.stderr), child.ended]);
      if (exitCode !== 0) throw jobsErrors.jailUnavailable(complaint || `a program ended with ${exitCode} in it`);
    } finally {
      clearTimeout(late);
    }
  }
}
