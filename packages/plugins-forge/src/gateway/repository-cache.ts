import { createWriteStream, existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { BlobStore } from "@aspen/storage";
import type { ForgeStore } from "../domain/forge-store.js";
import { RefTable } from "../domain/ref-table.js";
import type { RepositoryRecord } from "../domain/repository.js";
import { consistently, type PackRecord, type RootRecord } from "../domain/root.js";
import { forgeErrors } from "../errors.js";
import { removeOfDead } from "./dead-folders.js";

export interface RepositoryCacheParts {
  store: ForgeStore;
  blobs: BlobStore;
  /** See `GatewayOptions.cacheDirectory` and `cacheBytes`. */
  directory?: string | undefined;
  mostBytes: number;
}

/** A bare repository with all that the store had at one moment. */
export interface CachedRepository extends Disposable {
  /** The bare repository. */
  readonly directory: string;
  readonly root: RootRecord;
  /** True when it has no refs. */
  readonly isEmpty: boolean;
}

interface Entry {
  readonly directory: string;
  /** What is done to the folder, one after the other. */
  turn: Promise<unknown>;
  users: number;
  usedAt: number;
  bytes: number;
  /** Generation and default branch of what is written into it. */
  state: string | null;
  isEmpty: boolean;
  /** When packs were found that the store has no more, by their ids. */
  readonly retired: Map<string, number>;
}

/** Folders that processes have made, with their ids. */
const CACHES = /^aspen-forge-(\d+)-/;
const INCOMING = /^incoming-(\d+)-/;
/** How long a pack stays that the store has no more: a git process may be reading it. */
const RETIRED_MS = 15 * 60_000;
const CONFIG = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n";

/** Bare repositories for git to work on, made of what the store has. Anybody may delete them at any time. */
export class RepositoryCache implements AsyncDisposable {
  readonly #entries = new Map<string, Entry>();
  #opened: Promise<string> | null = null;

  constructor(private readonly parts: RepositoryCacheParts) {}

  /** Bytes of the packs in it. */
  get bytes(): number {
    let sum = 0;
    for (const { bytes } of this.#entries.values()) sum += bytes;
    return sum;
  }

  /**
   * The repository as the store has it now; it stays until it is given back. Null when it is gone.
   *
   * @throws AspenError what the store and the blob store throw, `CANCELLED`
   */
  async open(record: RepositoryRecord, signal: AbortSignal): Promise<CachedRepository | null> {
    const entry = await this.#entry(record.id);
    entry.users += 1;
    const release = () => {
      entry.users -= 1;
      entry.usedAt = performance.now();
    };
    try {
      const root = await inTurn(entry, () => this.#refresh(entry, record, signal));
      if (root === null) {
        release();
        return null;
      }
      await this.#evict();
      let held = true;
      return {
        directory: entry.directory,
        root,
        isEmpty: entry.isEmpty,
        [Symbol.dispose]: () => {
          if (held) release();
          held = false;
        },
      };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Takes over the files of a pack that was just stored, so that they need not be read from there. */
  async adopt(id: string, folder: string, pack: string): Promise<void> {
    const entry = await this.#entry(id);
    await inTurn(entry, async () => {
      const packs = join(entry.directory, "objects", "pack");
      try {
        for (const end of ["pack", "bitmap", "idx"]) {
          const name = `pack-${pack}.${end}`;
          if (end !== "bitmap" || existsSync(join(folder, name))) await rename(join(folder, name), join(packs, name));
        }
      } catch {
        // The folder was deleted meanwhile; the next one is made of what is stored.
      }
    });
  }

  /** A fresh folder within the cache's file system. */
  async scratch(): Promise<string> {
    return mkdtemp(join(await this.#folder(), `incoming-${process.pid}-`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#opened || this.parts.directory !== undefined) return;
    await rm(await this.#opened, { recursive: true, force: true });
  }

  async #entry(id: string): Promise<Entry> {
    const known = this.#entries.get(id);
    if (known) return known;
    const directory = join(await this.#folder(), `${id}.git`);
    const entry: Entry = {
      ...{ directory, turn: Promise.resolve(), users: 0, usedAt: 0, bytes: 0, state: null, isEmpty: true },
      retired: new Map(),
    };
    const other = this.#entries.get(id);
    if (other) return other;
    this.#entries.set(id, entry);
    return entry;
  }

  async #folder(): Promise<string> {
    this.#opened ??= openFolder(this.parts.directory);
    this.#opened.catch(() => {
      this.#opened = null;
    });
    const folder = await this.#opened;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  /** Brings what is missing, packs before the refs that need them. */
  async #refresh(entry: Entry, record: RepositoryRecord, signal: AbortSignal): Promise<RootRecord | null> {
    const { store } = this.parts;
    const found = await consistently(store, record.id, async ({ root }) => {
      if (entry.state === stateOf(root, record) && (await this.#isWhole(entry, root))) return { root, table: null };
      const table = await RefTable.read(store, record.id, root);
      return table && { root, table };
    });
    if (!found) return null;
    const { root, table } = found;
    if (table === null) return root;
    entry.state = null;
    const packs = join(entry.directory, "objects", "pack");
    await mkdir(packs, { recursive: true });
    await mkdir(join(entry.directory, "objects", "info"), { recursive: true });
    await mkdir(join(entry.directory, "refs"), { recursive: true });
    const there = new Set(await readdir(packs));
    for (const pack of root.packs) {
      if (!there.has(`pack-${pack.id}.idx`) || !there.has(`pack-${pack.id}.pack`))
        await this.#fetch(packs, pack, signal);
    }
    await put(join(entry.directory, "config"), CONFIG);
    const lines = ["# pack-refs with: \n"];
    for (const [name, id] of table.entries()) lines.push(`${id} ${name}\n`);
    await put(join(entry.directory, "packed-refs"), lines.join(""));
    await put(join(entry.directory, "HEAD"), `ref: refs/heads/${record.defaultBranch}\n`);
    await this.#retire(entry, packs, root);
    entry.isEmpty = table.size === 0;
    entry.bytes = root.packs.reduce((sum, { bytes }) => sum + bytes, 0);
    entry.state = stateOf(root, record);
    return root;
  }

  async #isWhole({ directory }: Entry, { packs }: RootRecord): Promise<boolean> {
    try {
      const names = new Set(await readdir(join(directory, "objects", "pack")));
      const top = new Set(await readdir(directory));
      return (
        ["HEAD", "config", "packed-refs", "refs"].every((name) => top.has(name)) &&
        packs.every(({ id }) => names.has(`pack-${id}.pack`) && names.has(`pack-${id}.idx`))
      );
    } catch {
      return false;
    }
  }

  async #fetch(folder: string, { id, pack, idx, bitmap }: PackRecord, signal: AbortSignal): Promise<void> {
    for (const [end, hash] of [
      ["pack", pack],
      ["bitmap", bitmap],
      // The last one: from then on git uses the pack.
      ["idx", idx],
    ] as const) {
      if (hash === undefined) continue;
      // A blob is verified while it is read; what is not whole never gets its name.
      const partial = join(folder, `tmp_${id}.${end}`);
      await pipeline(Readable.from(await this.parts.blobs.get(hash)), createWriteStream(partial), { signal });
      await rename(partial, join(folder, `pack-${id}.${end}`));
    }
  }

  /** Removes packs that are in the store no more, after a while. */
  async #retire({ retired }: Entry, folder: string, { packs }: RootRecord): Promise<void> {
    const kept = new Set(packs.map(({ id }) => id));
    const now = performance.now();
    for (const name of await readdir(folder)) {
      const id = /^pack-([0-9a-f]{40})\./.exec(name)?.[1];
      if (id === undefined || kept.has(id)) continue;
      const since = retired.get(id) ?? now;
      retired.set(id, since);
      if (now - since > RETIRED_MS) await rm(join(folder, name), { force: true });
    }
    for (const id of retired.keys()) if (kept.has(id)) retired.delete(id);
  }

  /** Removes what was used the longest ago, as long as there is too much. */
  async #evict(): Promise<void> {
    if (this.bytes <= this.parts.mostBytes) return;
    const idle = [...this.#entries].filter(([, { users }]) => users === 0).sort(([, a], [, b]) => a.usedAt - b.usedAt);
    for (const [id, entry] of idle) {
      if (this.bytes <= this.parts.mostBytes) return;
      await inTurn(entry, async () => {
        if (entry.users > 0) return;
        entry.state = null;
        entry.bytes = 0;
        await rm(entry.directory, { recursive: true, force: true });
        this.#entries.delete(id);
      });
    }
  }
}

function stateOf({ gen }: RootRecord, { defaultBranch }: RepositoryRecord): string {
  return `${gen} ${defaultBranch}`;
}

function inTurn<T>(entry: Entry, work: () => Promise<T>): Promise<T> {
  const done = entry.turn.then(work, work);
  entry.turn = done.catch(() => undefined);
  return done;
}

/** A file that is there as a whole, or not at all. */
async function put(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
}

async function openFolder(configured: string | undefined): Promise<string> {
  try {
    if (configured !== undefined) {
      await mkdir(configured, { recursive: true, mode: 0o700 });
      await removeOfDead(configured, INCOMING);
      return configured;
    }
    await removeOfDead(tmpdir(), CACHES);
    return await mkdtemp(join(tmpdir(), `aspen-forge-${process.pid}-`));
  } catch (cause) {
    throw forgeErrors.gitFailed("init", cause instanceof Error ? cause.message : String(cause));
  }
}
