import type { NodeConfig } from "@aspen/node";
import type { Clock } from "@aspen/plugin-api";
import type { RpcClient } from "@aspen/rpc-core/remote";

/** Bytes and files that a file system can still take. */
export interface FreeSpace {
  freeBytes: number;
  totalBytes: number;
  /** Null where the file system does not count them. */
  freeFiles: number | null;
}

export interface DoctorOptions {
  /** What the file, the environment and the flags say; the error when they cannot be read. */
  settings: { config: NodeConfig } | { error: unknown };
  /** The node that should be running. */
  node: {
    client: RpcClient;
    url: string;
    /** Somebody named it: that it does not answer is a problem, where a default that nobody has started is none. */
    named: boolean;
  };
  /** @default that of this process */
  nodeVersion?: string;
  /** The time of day. @default the system's */
  clock?: Clock;
  /** The space of the file system that a folder is in. @default `statfs` */
  freeSpace?(folder: string): Promise<FreeSpace>;
  /** Milliseconds that one check has. @default 60000 */
  checkMs?: number;
}

/** That of this machine. */
export const systemClock: Clock = { now: () => Date.now() };
