import { type BigIntStats, fstatSync, statSync } from "node:fs";

/** Device and inode, which identify a file whatever its name is. As bigints: some file systems use all 64 bits. */
export type Identity = Pick<BigIntStats, "dev" | "ino">;

export function identityOf(fd: number): Identity {
  return fstatSync(fd, { bigint: true });
}

/** Null when there is nothing of that name. */
export function identityAt(path: string): Identity | null {
  return statSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
}

export function isSame(a: Identity, b: Identity | null): boolean {
  return b !== null && a.dev === b.dev && a.ino === b.ino;
}
