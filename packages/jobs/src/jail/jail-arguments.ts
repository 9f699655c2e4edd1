import type { NormalJailLimits } from "./jail-options.js";
import { networkView } from "./system-view.js";

/** Where a job finds its folder. */
export const JOB_FOLDER = "/job";

export interface JailView {
  /** Of `systemView`. */
  readonly system: readonly string[];
  /** The job's folder on this machine. */
  readonly folder: string;
  /** Where the program starts, within the job's folder; "" for the folder itself. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly network: boolean;
  readonly tmpMiB: number;
}

const MIB = 1024 * 1024;

/** Options of bubblewrap; they reach it through a pipe, as everybody may read the arguments of a process. */
export function bwrapOptions({ system, folder, cwd, env, network, tmpMiB }: JailView): string[] {
  const size = String(tmpMiB * MIB);
  const tmpfs = (path: string) => ["--size", size, "--tmpfs", path, "--chmod", "1777", path];
  return [
    // Later arguments are mounted over earlier ones.
    ...["--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--hostname", "job"],
    ...["--uid", "65534", "--gid", "65534", "--disable-userns", "--cap-drop", "ALL"],
    ...system,
    ...(network ? networkView() : []),
    ...["--proc", "/proc", "--dev", "/dev", ...tmpfs("/tmp"), ...tmpfs("/dev/shm"), "--remount-ro", "/dev"],
    ...["--bind", folder, JOB_FOLDER, "--remount-ro", "/"],
    ...["--clearenv", ...Object.entries(env).flatMap(([name, value]) => ["--setenv", name, value])],
    ...["--chdir", cwd === "" ? JOB_FOLDER : `${JOB_FOLDER}/${cwd}`],
  ];
}

/** Arguments of `prlimit`. `alone`: no control group bounds what processes use together. */
export function prlimits({ memoryMiB, processes, cpuSeconds, fileMiB }: NormalJailLimits, alone: boolean): string[] {
  return [
    // SIGXCPU first, which tells why; SIGKILL a second later.
    `--cpu=${cpuSeconds}:${cpuSeconds + 1}`,
    `--fsize=${fileMiB * MIB}`,
    "--core=0",
    "--nofile=4096",
    // Counted in the jail's own user namespace.
    `--nproc=${processes}`,
    // Not the address space, of which Node and Go reserve more than they ever use.
    ...(alone ? [`--data=${memoryMiB * MIB}`] : []),
  ];
}
