import { copyFile, link, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ForgeOp } from "../domain/forge-store.js";
import { writeRecord } from "../domain/json-record.js";
import { rootKey, stagedKey } from "../domain/keys.js";
import type { RepositoryRecord } from "../domain/repository.js";
import { type PackRecord, readRoot } from "../domain/root.js";
import type { StagedRecord } from "../domain/staged.js";
import { forgeErrors } from "../errors.js";
import type { GatewayParts } from "./parts.js";
import { dropStaged, stagePack } from "./staging.js";

/** Bytes of packs up to which all of them become one, with a bitmap; beyond, a small pack joins those of its size. */
const WHOLE_BYTES = 256 * 1024 * 1024;
/** How long packs stay stored that are part of no repository any more: another node may be reading them, in milliseconds. */
const GRACE_MS = 3_600_000;
const ATTEMPTS = 50;

/**
 * Puts the packs of a repository together, so that a clone reads few of them. Every object stays, also those that no ref
 * reaches: a push under way may count on them. True when something changed.
 *
 * @throws AspenError `FORGE_GIT_FAILED`, `FORGE_CONFLICT`, `CANCELLED`, and what the stores throw
 */
export async function compact(parts: GatewayParts, record: RepositoryRecord, signal: AbortSignal): Promise<boolean> {
  const { cache, git } = parts;
  using source = await cache.open(record, signal);
  if (!source || source.root.packs.length < 2) return false;
  const before = source.root.packs;
  const directory = await cache.scratch();
  try {
    const packs = join(directory, "objects", "pack");
    await mkdir(packs, { recursive: true });
    await mkdir(join(directory, "refs"));
    for (const name of ["HEAD", "config", "packed-refs"]) {
      await copyFile(join(source.directory, name), join(directory, name));
    }
    for (const { id } of before) {
      for (const end of ["pack", "idx"]) {
        const name = `pack-${id}.${end}`;
        await link(join(source.directory, "objects", "pack", name), join(packs, name));
      }
    }
    const bytes = before.reduce((sum, pack) => sum + pack.bytes, 0);
    const how =
      bytes <= WHOLE_BYTES ? ["-a", "-k", "--write-bitmap-index"] : ["--geometric=2", "--no-write-bitmap-index"];
    const { code, stopped, stderr } = await git.run(["repack", "-d", "-l", "-q", ...how], { directory, signal });
    if (code !== 0) throw forgeErrors.gitFailed("repack", stopped ?? stderr);
    const after = (await readdir(packs)).flatMap((name) => /^pack-([0-9a-f]{40})\.idx$/.exec(name)?.[1] ?? []);
    const made = after.filter((id) => !before.some((pack) => pack.id === id));
    const retired = before.filter(({ id }) => !after.includes(id));
    if (retired.length === 0) return false;
    return await replace(parts, record, { packs, made, retired }, signal);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function replace(
  parts: GatewayParts,
  { id }: RepositoryRecord,
  { packs, made, retired }: { packs: string; made: readonly string[]; retired: readonly PackRecord[] },
  signal: AbortSignal,
): Promise<boolean> {
  const staged: PackRecord[] = [];
  let done = false;
  try {
    for (const pack of made) staged.push(await stagePack(parts, packs, pack, signal));
    done = await swap(parts, id, staged, retired);
    if (done) for (const { id: pack } of staged) await parts.cache.adopt(id, packs, pack);
    return done;
  } finally {
    if (!done) for (const { stage } of staged) await dropStaged(parts, stage, { onlyAfter: false });
  }
}

/** False when the repository is gone, or somebody else has put packs together meanwhile. */
async function swap(
  { store }: Pick<GatewayParts, "store">,
  id: string,
  staged: readonly PackRecord[],
  retired: readonly PackRecord[],
): Promise<boolean> {
  const old = new Set(retired.map((pack) => pack.stage));
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const found = await readRoot(store, id);
    if (!found) return false;
    const { root, version } = found;
    const kept = root.packs.filter(({ stage }) => !old.has(stage));
    if (kept.length + retired.length !== root.packs.length) return false;
    const entries = await store.getMany(staged.map(({ stage }) => stagedKey(stage)));
    if (entries.some((entry) => entry === null)) return false;
    const ops: ForgeOp[] = staged.map(({ stage }) => ({ type: "delete", key: stagedKey(stage) }));
    for (const { stage, pack, idx, bitmap } of retired) {
      const left: StagedRecord = {
        v: 1,
        pack,
        idx,
        ...(bitmap === undefined ? {} : { bitmap }),
        until: store.now() + GRACE_MS,
      };
      ops.push({ type: "put", key: stagedKey(stage), value: writeRecord(left) });
    }
    const next = { ...root, gen: root.gen + 1, packs: [...staged, ...kept] };
    ops.push({ type: "put", key: rootKey(id), value: writeRecord(next) });
    const checks = [
      { key: rootKey(id), version },
      ...staged.map(({ stage }, at) => ({ key: stagedKey(stage), version: entries[at]!.version })),
    ];
    if ((await store.transact({ checks, ops })).ok) return true;
  }
  throw forgeErrors.conflict("the list of packs");
}
