/** Options of {@link IpcPluginRuntime}. */
export interface IpcRuntimeOptions {
  /** Milliseconds from the start of a process to its handshake, and then to the answer of `Info`. @default 10,000 */
  startTimeoutMs?: number | undefined;
  /** Milliseconds that a process has to end by itself when it is stopped, before it is killed. @default 2,000 */
  stopTimeoutMs?: number | undefined;
  /**
   * Milliseconds after a call that was given up in which the process has to answer a health check; one that does not is
   * killed and started again. @default 2,000
   */
  graceMs?: number | undefined;
  /** Environment variables of this process that plugins also get, beside `PATH`. @default none */
  environment?: readonly string[] | undefined;
}

export type ResolvedIpcRuntimeOptions = {
  readonly [K in keyof IpcRuntimeOptions]-?: NonNullable<IpcRuntimeOptions[K]>;
};

export function resolveOptions(options: IpcRuntimeOptions): ResolvedIpcRuntimeOptions {
  return {
    startTimeoutMs: options.startTimeoutMs ?? 10_000,
    stopTimeoutMs: options.stopTimeoutMs ?? 2000,
    graceMs: options.graceMs ?? 2000,
    environment: options.environment ?? [],
  };
}
