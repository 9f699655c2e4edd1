/** A program that a feature runs. */
export interface SystemTool {
  /** As it is called: `git`, `bwrap`, `qemu-system-x86_64`. */
  readonly command: string;
  /** Arguments that make it print its version and end. @default ["--version"] */
  readonly versionArguments?: readonly string[];
  /** Semver range of the versions that work. @default any */
  readonly version?: string;
  /** What the feature needs it for, the end of a sentence: `to serve clones`. */
  readonly purpose: string;
  /** How to get it: `apt-get install git`. */
  readonly install: string;
}
