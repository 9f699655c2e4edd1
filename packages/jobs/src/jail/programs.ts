import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { jobsErrors } from "../errors.js";

/** Where a jail has its programs, too. */
export const JAIL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Absolute paths of the programs that a jail is made with. */
export interface JailPrograms {
  readonly sh: string;
  readonly bwrap: string;
  /** Called inside of the jail. */
  readonly prlimit: string;
  /** Gives up root. */
  readonly setpriv: string;
  /** Make, and enter, namespaces of mounts. */
  readonly unshare: string;
  readonly nsenter: string;
}

/** @throws AspenError `TOOL_MISSING` with what to install */
export async function jailPrograms(shell: "sh" | "bash"): Promise<JailPrograms> {
  const [sh, bwrap, prlimit, setpriv, unshare, nsenter] = await Promise.all([
    program(shell, JAIL_PATH, `apt-get install ${shell === "sh" ? "dash" : shell}`),
    program("bwrap", process.env.PATH ?? JAIL_PATH, "apt-get install bubblewrap"),
    program("prlimit", JAIL_PATH, "apt-get install util-linux"),
    program("setpriv", JAIL_PATH, "apt-get install util-linux"),
    program("unshare", JAIL_PATH, "apt-get install util-linux"),
    program("nsenter", JAIL_PATH, "apt-get install util-linux"),
  ]);
  return { sh, bwrap, prlimit, setpriv, unshare, nsenter };
}

async function program(name: string, path: string, install: string): Promise<string> {
  for (const folder of path.split(":").filter((it) => it.startsWith("/"))) {
    const file = join(folder, name);
    // Most folders do not have it.
    if (
      await access(file, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return file;
  }
  throw jobsErrors.toolMissing(name, install);
}
