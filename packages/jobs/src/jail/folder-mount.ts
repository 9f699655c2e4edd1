import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { statfs } from "node:fs/promises";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { jobsErrors } from "../errors.js";
import type { JobSandbox } from "./contract.js";
import { JAIL_PATH, type JailPrograms } from "./programs.js";

/** Milliseconds that a mount has to be there. */
const MOUNT_MS = 10_000;
/** Files and folders that it holds: each takes memory that its size does not count. */
const INODES = 100_000;
/** It lives as long as its input is open, that is, no longer than this process. */
const HOLD = 'mount -t tmpfs -o "$1" tmpfs "$2" && echo ready && exec cat';

type Holder = ChildProcessByStdio<Writable, Readable, Readable>;

export interface FolderMountOptions {
  readonly programs: JailPrograms;
  /** Over which it is mounted. */
  readonly folder: string;
  readonly diskMiB: number;
  /** Null: this process is not root's. */
  readonly owner: JobSandbox["owner"];
}

/**
 * A file system in memory with a size, over a folder, that this machine sees nothing of: it is in a mount namespace that a
 * program holds open, and gone with it. As root that is all; any other user mounts it as root of a user namespace.
 */
export class FolderMount implements AsyncDisposable {
  /** The folder, as this process reaches it. */
  readonly path: string;
  readonly #holder: Holder;
  readonly #options: FolderMountOptions;

  private constructor(options: FolderMountOptions, holder: Holder) {
    this.#options = options;
    this.#holder = holder;
    this.path = `/proc/${holder.pid}/root${options.folder}`;
  }

  /** @throws AspenError `JAIL_UNAVAILABLE` */
  static async open(options: FolderMountOptions): Promise<FolderMount> {
    const { programs, folder, diskMiB, owner } = options;
    const size = `size=${diskMiB}m,nr_inodes=${INODES},mode=0700,nosuid,nodev`;
    const mount = owner ? `${size},uid=${owner.uid},gid=${owner.gid}` : size;
    const namespaces = owner ? ["--mount"] : ["--user", "--map-root-user", "--mount"];
    const hold = [programs.sh, "-c", HOLD, "sh", mount, folder];
    const holder = spawn(programs.unshare, [...namespaces, "--propagation", "private", "--", ...hold], {
      ...{ stdio: ["pipe", "pipe", "pipe"], env: { PATH: JAIL_PATH }, cwd: "/", detached: true },
    });
    holder.stdin.on("error", () => undefined);
    const mounted = new FolderMount(options, holder);
    const complaint = text(holder.stderr);
    const late = setTimeout(() => holder.kill("SIGKILL"), MOUNT_MS);
    try {
      // The end of its output, when it has failed.
      const [said] = (await Promise.race([once(holder.stdout, "data"), once(holder.stdout, "end")])) as [Buffer?];
      if (said?.toString() !== "ready\n") throw jobsErrors.jailUnavailable(`a job's folder: ${await complaint}`);
      return mounted;
    } catch (error) {
      await mounted[Symbol.asyncDispose]();
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  /** What runs a command where the folder is mounted. */
  get entering(): string[] {
    const { programs, owner } = this.#options;
    const target = ["--target", String(this.#holder.pid), "--mount"];
    return [programs.nsenter, ...target, ...(owner ? [] : ["--user", "--preserve-credentials"]), "--"];
  }

  /** Whether there is no room for another page, or another file. */
  async full(): Promise<boolean> {
    const { bfree, ffree } = await statfs(this.path);
    return bfree === 0 || ffree === 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode } = this.#holder;
    if (this.#holder.pid === undefined || exitCode !== null || signalCode !== null) return;
    const closed = once(this.#holder, "close");
    this.#holder.kill("SIGKILL");
    await closed;
  }
}
