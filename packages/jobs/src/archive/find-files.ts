import type { Dirent } from "node:fs";
import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import { type GlobState, Globs } from "./globs.js";
import { NAME_BYTES, PATH_BYTES } from "./relative-path.js";

/** A regular file below a folder. */
export interface FoundFile {
  /** Relative, with `/`. */
  readonly path: string;
  readonly bytes: number;
}

export interface FindOptions {
  readonly folder: string;
  /** Checked by `globProblem`. */
  readonly patterns: readonly string[];
  /** Most names that are looked at. */
  readonly maxSeen: number;
  readonly signal: AbortSignal;
  /** Told of what matches and is no regular file, and of folders that may not be read. */
  onOther(path: string): void;
}

/**
 * Regular files that match. Links are never followed, neither to files nor to folders. What cannot be named in UTF-8 or
 * within 1,024 bytes is not found. Null: there are more names than `maxSeen`.
 */
export async function findFiles(options: FindOptions): Promise<FoundFile[] | null> {
  const { folder, patterns, maxSeen, signal, onOther } = options;
  const globs = new Globs(patterns);
  const found: FoundFile[] = [];
  let seen = 0;
  const open: { readonly path: string; readonly state: GlobState }[] = [{ path: "", state: globs.start }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { path, state } = next;
    const entries = await opendir(join(folder, path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EACCES") throw error;
      onOther(path);
      return [];
    });
    for await (const entry of entries) {
      signal.throwIfAborted();
      seen += 1;
      if (seen > maxSeen) return null;
      if (entry.name.length > NAME_BYTES || entry.name.includes("\uFFFD")) continue;
      const child = path === "" ? entry.name : `${path}/${entry.name}`;
      if (Buffer.byteLength(child) > PATH_BYTES) continue;
      await visit(entry, child, state);
    }
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));

  async function visit(entry: Dirent, path: string, state: GlobState): Promise<void> {
    if (entry.isDirectory()) {
      const below = globs.enter(state, entry.name);
      if (below.size > 0) open.push({ path, state: below });
    } else if (globs.matches(state, entry.name)) {
      const stat = await lstat(join(folder, path));
      if (stat.isFile()) found.push({ path, bytes: stat.size });
      else onOther(path);
    }
  }
}
