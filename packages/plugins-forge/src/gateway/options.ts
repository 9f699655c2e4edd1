/** How the gateway bounds what git clients ask for. */
export interface GatewayOptions {
  /** Where people reach the node, without a slash at its end. @default the address at which the node listens */
  url?: string;
  /** Folder for the bare repositories that git works on; anybody may delete it at any time. @default a fresh one below the system's folder for temporary files */
  cacheDirectory?: string;
  /** Bytes of the cache above which repositories that nobody uses are removed from it. @default 10 GiB */
  cacheBytes?: number;
  /** Most bytes of the pack of one push. @default 2 GiB */
  pushBytes?: number;
  /** Milliseconds for one git process, after which it is killed. @default 1,800,000 (30 min) */
  gitMs?: number;
  /** Processor seconds of one git process. @default 600 */
  cpuSeconds?: number;
  /** Bytes of memory that one git process may have for itself, mapped files aside. @default 1 GiB */
  memoryBytes?: number;
  /** Requests that run git at once; the others wait. @default 8 */
  processes?: number;
  /** Packs of one repository from which on they are put together in the background. @default 32 */
  compactPacks?: number;
  /** Requests that may wait; one more is refused. @default 256 */
  waiting?: number;
}

export type NormalGatewayOptions = Required<Omit<GatewayOptions, "url" | "cacheDirectory">> &
  Pick<GatewayOptions, "url" | "cacheDirectory">;

const GIB = 1024 ** 3;

export function normalGatewayOptions(options: GatewayOptions = {}): NormalGatewayOptions {
  return {
    cacheBytes: 10 * GIB,
    pushBytes: 2 * GIB,
    gitMs: 1_800_000,
    cpuSeconds: 600,
    memoryBytes: GIB,
    processes: 8,
    compactPacks: 32,
    waiting: 256,
    ...options,
  };
}
