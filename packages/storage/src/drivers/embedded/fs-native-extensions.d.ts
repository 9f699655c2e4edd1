/** What is used of it; it brings no types of its own. */
declare module "fs-native-extensions" {
  /**
   * Locks the whole file, for its open file description, unless another has it: false then. By `F_OFD_SETLK` on Linux,
   * `flock` on macOS, `LockFileEx` on Windows.
   */
  export function tryLock(fd: number): boolean;
}
