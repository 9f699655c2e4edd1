import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { leftIn, ownedPrefix } from "../owner.js";
import type { CgroupTree } from "./contract.js";
import { findCgroups } from "./find-cgroups.js";
import { removeGroup } from "./group-folders.js";

/** A name for a group that no other process ever has. */
export const cgroupName = () => `${ownedPrefix()}${randomBytes(8).toString("hex")}`;

/** What a worker makes its jobs' groups with, when it may: groups that processes left behind are removed first. */
export async function openCgroups(): Promise<{ cgroups: CgroupTree; why: null } | { cgroups: null; why: string }> {
  const found = await findCgroups(cgroupName());
  if (!found.tree) return { cgroups: null, why: found.why };
  for (const folder of found.tree.folders) {
    for (const name of await leftIn(folder)) await removeGroup(join(folder, name));
  }
  return { cgroups: found.tree, why: null };
}
