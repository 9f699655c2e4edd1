import { type FileHandle, lchown, link, mkdir, open, symlink } from "node:fs/promises";
import { join } from "node:path";
import { quoted } from "@aspen/plugin-api";
import type { ReadEntry } from "tar";
import { jobsErrors } from "../errors.js";
import { linkEnd } from "./link-end.js";
import { linkStays, relativeSegments } from "./relative-path.js";

export interface UnpackOptions {
  /** Absolute; there, and empty. */
  readonly folder: string;
  /** Who gets what is unpacked; null for the user of this process. */
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  /** Segments that are cut off the front of every path; what has no more is left out. */
  readonly stripComponents: number;
  /** Bytes of all files. */
  readonly maxBytes: number;
  /** Files, folders and links. */
  readonly maxEntries: number;
  /** Between two chunks. */
  readonly signal: AbortSignal;
}

interface Link {
  readonly segments: readonly string[];
  readonly target: string;
}

/** What was unpacked so far, and where the next entry may go. */
export class UnpackedTree {
  readonly #folders = new Set<string>();
  readonly #files = new Set<string>();
  readonly #links: Link[] = [];
  #bytes = 0;
  #entries = 0;

  constructor(private readonly options: UnpackOptions) {}

  /** @throws AspenError `JOB_ARCHIVE_INVALID` */
  async add(entry: ReadEntry): Promise<void> {
    const segments = this.#place(entry.path, "path");
    if (segments.length === 0) {
      await skip(entry);
      return;
    }
    switch (entry.type) {
      case "Directory":
        await this.#folder(segments, entry.path);
        break;
      case "File":
      case "OldFile":
      case "ContiguousFile":
        await this.#file(segments, entry);
        return;
      case "Link":
        await this.#hardLink(segments, entry);
        break;
      case "SymbolicLink":
        await this.#symlink(segments, entry);
        break;
      default:
        throw invalid(entry.path, `is a ${entry.type}; only files, folders and links are unpacked`);
    }
    await skip(entry);
  }

  /** Makes the symbolic links. @throws AspenError `JOB_ARCHIVE_INVALID` when one leads out by way of others */
  async finish(): Promise<void> {
    const { folder, owner } = this.options;
    const targets = new Map(this.#links.map(({ segments, target }) => [segments.join("/"), target]));
    for (const name of targets.keys()) {
      const end = linkEnd(targets, name);
      if (end === "loop") throw invalid(name, "is a link that leads nowhere");
      if (end === "outside") throw invalid(name, "is a link that leaves the folder");
    }
    for (const { segments, target } of this.#links) {
      const path = join(folder, ...segments);
      await made(segments.join("/"), symlink(target, path));
      if (owner) await lchown(path, owner.uid, owner.gid);
    }
  }

  #place(path: string, what: string): string[] {
    const segments = relativeSegments(path);
    if (typeof segments === "string") throw invalid(path, `${what === "path" ? "" : `${what} `}${segments}`);
    return segments.slice(this.options.stripComponents);
  }

  async #folder(segments: readonly string[], path: string): Promise<void> {
    for (let depth = 1; depth <= segments.length; depth += 1) {
      const name = segments.slice(0, depth).join("/");
      if (this.#folders.has(name)) continue;
      this.#count(path);
      const folder = join(this.options.folder, name);
      await made(path, mkdir(folder, { mode: 0o755 }));
      await this.#own(folder);
      this.#folders.add(name);
    }
  }

  async #file(segments: readonly string[], entry: ReadEntry): Promise<void> {
    await this.#folder(segments.slice(0, -1), entry.path);
    this.#count(entry.path);
    this.#take(entry.size, entry.path);
    const path = join(this.options.folder, ...segments);
    const executable = ((entry.mode ?? 0) & 0o111) !== 0;
    const file = await made(entry.path, open(path, "wx", executable ? 0o755 : 0o644));
    try {
      await this.#write(file, entry);
      const { owner } = this.options;
      if (owner) await file.chown(owner.uid, owner.gid);
    } finally {
      await file.close();
    }
    this.#files.add(segments.join("/"));
  }

  async #write(file: FileHandle, entry: ReadEntry): Promise<void> {
    for await (const chunk of entry as AsyncIterable<Buffer>) {
      this.options.signal.throwIfAborted();
      await file.writeFile(chunk);
    }
  }

  async #hardLink(segments: readonly string[], entry: ReadEntry): Promise<void> {
    const target = this.#place(entry.linkpath ?? "", "link to what");
    // Only what was unpacked here is linked to: then a link leads nowhere else.
    if (!this.#files.has(target.join("/"))) throw invalid(entry.path, "is a link to what is no earlier file of it");
    await this.#folder(segments.slice(0, -1), entry.path);
    this.#count(entry.path);
    const { folder } = this.options;
    await made(entry.path, link(join(folder, ...target), join(folder, ...segments)));
    this.#files.add(segments.join("/"));
  }

  async #symlink(segments: readonly string[], entry: ReadEntry): Promise<void> {
    const target = entry.linkpath ?? "";
    if (!linkStays(segments, target)) throw invalid(entry.path, "is a link that leaves the folder");
    await this.#folder(segments.slice(0, -1), entry.path);
    this.#count(entry.path);
    this.#links.push({ segments, target });
  }

  #count(path: string): void {
    this.#entries += 1;
    const { maxEntries } = this.options;
    if (this.#entries > maxEntries) throw invalid(path, `is one file too many: at most ${maxEntries} are allowed`);
  }

  #take(bytes: number, path: string): void {
    this.#bytes += bytes;
    const { maxBytes } = this.options;
    if (this.#bytes > maxBytes) throw invalid(path, `is over the ${maxBytes} bytes that may be unpacked`);
  }

  async #own(path: string): Promise<void> {
    const { owner } = this.options;
    if (owner) await lchown(path, owner.uid, owner.gid);
  }
}

async function skip(entry: ReadEntry): Promise<void> {
  for await (const _ of entry as AsyncIterable<Buffer>);
}

/** What is there already, as a file or as a folder, is the archive's fault; a full disk is not. */
async function made<T>(path: string, making: Promise<T>): Promise<T> {
  try {
    return await making;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" || code === "ENOTDIR") throw invalid(path, "is there twice, or lies below a file", error);
    throw error;
  }
}

function invalid(path: string, problem: string, cause?: unknown): Error {
  return jobsErrors.archiveInvalid(`cannot be unpacked: ${quoted(path)} ${problem}`, cause);
}
