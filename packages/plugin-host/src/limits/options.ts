/** What each plugin may do on one node. */
export interface PluginLimitOptions {
  /** Requests that it may begin to answer each second. @default 100,000 */
  callsPerSecond?: number | undefined;
  /** Requests that it answers, or that wait for it, at once. @default 20,000 */
  concurrentCalls?: number | undefined;
  /** Host calls of one call of it; those that a plugin's own thread serves are not counted. @default 1,000,000 */
  hostCallsPerCall?: number | undefined;
  /** Operations on keys each second: each key of a read, check or write. @default 200,000 */
  kvOpsPerSecond?: number | undefined;
  /** Bytes of these operations each second, parameters and results. @default 512 MiB */
  kvBytesPerSecond?: number | undefined;
  /** Events that it emits each second. @default 5,000 */
  eventsPerSecond?: number | undefined;
  /** HTTP requests that it sends each second. @default 100 */
  requestsPerSecond?: number | undefined;
  /** Answers to them that are awaited or open at once. @default 256 */
  concurrentRequests?: number | undefined;
}

export type PluginLimitSettings = { readonly [limit in keyof PluginLimitOptions]-?: number };

export function pluginLimitSettings(options: PluginLimitOptions): PluginLimitSettings {
  return {
    callsPerSecond: options.callsPerSecond ?? 100_000,
    concurrentCalls: options.concurrentCalls ?? 20_000,
    hostCallsPerCall: options.hostCallsPerCall ?? 1_000_000,
    kvOpsPerSecond: options.kvOpsPerSecond ?? 200_000,
    kvBytesPerSecond: options.kvBytesPerSecond ?? 512 * 1024 * 1024,
    eventsPerSecond: options.eventsPerSecond ?? 5000,
    requestsPerSecond: options.requestsPerSecond ?? 100,
    concurrentRequests: options.concurrentRequests ?? 256,
  };
}
