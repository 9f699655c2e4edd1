import { join } from "node:path";

/** A hierarchy of control groups that is mounted. */
export interface CgroupMount {
  readonly version: 1 | 2;
  /** The group that is seen at the mount's root. */
  readonly root: string;
  readonly folder: string;
  /** Of version 1. */
  readonly controllers: readonly string[];
}

/** Those of a `/proc/<pid>/mountinfo`. */
export function cgroupMounts(mountinfo: string): CgroupMount[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [mount = "", filesystem = ""] = line.split(" - ");
    const [, , , root = "", folder = ""] = mount.split(" ");
    const [type, , options = ""] = filesystem.split(" ");
    if (type !== "cgroup" && type !== "cgroup2") return [];
    const controllers = type === "cgroup" ? options.split(",") : [];
    return [{ version: type === "cgroup" ? 1 : 2, root, folder, controllers } as const];
  });
}

/** Where the group of a process is, by its `/proc/<pid>/cgroup`. `controller`: null for version 2. */
export function ownFolder(mounts: readonly CgroupMount[], own: string, controller: string | null): string | null {
  const mount = mounts.find(({ version, controllers }) =>
    controller === null ? version === 2 : version === 1 && controllers.includes(controller),
  );
  if (!mount) return null;
  for (const line of own.split("\n")) {
    const [, names = "", ...rest] = line.split(":");
    const group = rest.join(":");
    if (controller === null ? names !== "" || group === "" : !names.split(",").includes(controller)) continue;
    const inside = mount.root === "/" ? group : group.startsWith(mount.root) ? group.slice(mount.root.length) : null;
    return inside === null ? null : join(mount.folder, inside);
  }
  return null;
}
