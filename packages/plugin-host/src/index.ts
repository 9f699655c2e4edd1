/** What every plugin tier shares: host context, plugin store, installer, supervisor. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api/abi";
export { type DeadEvent, DeadEvents } from "./background/dead-events.js";
export type { NotifyTarget } from "./background/plugin-background.js";
export type { PluginEvent } from "./background/plugin-event.js";
export { type PluginTick, type PluginTimer, PluginTimers, type TimerRequest } from "./background/plugin-timers.js";
export { type Redriven, type RedriveOptions, redriveDeadEvents } from "./background/redrive.js";
export { callErrors, hostErrors, nativeErrors, pluginErrors } from "./errors.js";
export { assertNotifiable } from "./guest/assert-notifiable.js";
export { Backoff } from "./guest/backoff.js";
export { FailureLog, type FailureRecord } from "./guest/failure-log.js";
export { guestCaller } from "./guest/guest-caller.js";
export { errorOfGuest, type GuestFailure, logFieldsOf } from "./guest/guest-failure.js";
export { healthOf } from "./guest/health-report.js";
export { exactJson } from "./guest/json-text.js";
export { LineLimit } from "./guest/line-limit.js";
export { CallState } from "./host-context/call-state.js";
export { grantOf, PluginHostContext } from "./host-context/host-context.js";
export type { DeniedEvent, HostServices, PluginLogger } from "./host-context/host-function.js";
export { LocalHostContext, type LocalHostContextOptions } from "./host-context/local-host-context.js";
export type { PluginCall, PluginGrant } from "./host-context/plugin-call.js";
export type { HostPorts } from "./host-ports.js";
export type { ArtifactFile } from "./installer/artifacts.js";
export type { OfficialOutcome } from "./installer/install-official.js";
export type { PluginInstallerParts } from "./installer/parts.js";
export {
  type InstalledPlugin,
  type InstallInput,
  PluginInstaller,
  type TakenOverMethod,
} from "./installer/plugin-installer.js";
export { disablePlugin, type PluginStoreParts, removePlugin } from "./installer/uninstall.js";
export { limitErrors } from "./limits/errors.js";
export type { PluginLimitOptions } from "./limits/options.js";
export { type HostCost, PluginUsage } from "./limits/plugin-usage.js";
export { type OfficialPlugin, type OfficialPluginOptions, officialPlugin } from "./official/official-plugin.js";
export { OfficialPlugins } from "./official/official-plugins.js";
export { type ReadOfficialPluginOptions, readOfficialPlugin } from "./official/read-official-plugin.js";
export { type PluginCallTarget, PluginHandler } from "./plugin-handler/plugin-handler.js";
export { LOG_LEVELS, type LogLevel, type PluginLogLine } from "./plugin-logs/log-ring.js";
export {
  type PluginLogPage,
  PluginLogs,
  type PluginLogsOptions,
  type ReadLogsOptions,
} from "./plugin-logs/plugin-logs.js";
export { type ConfiguredPlugin, ConfiguredPlugins } from "./plugin-store/configured-plugins.js";
export {
  grantedManifest,
  type PluginRecord,
  type StartDeath,
  type StoredArtifact,
} from "./plugin-store/plugin-record.js";
export {
  type PluginChange,
  type PluginSnapshot,
  PluginStore,
  type PluginStoreOptions,
} from "./plugin-store/plugin-store.js";
export { KvVerdictStore, type VerdictStore } from "./plugin-store/verdict-store.js";
export {
  type CallOptions,
  type GuestLogRecord,
  type HealthOptions,
  NOTIFY_EXPORTS,
  type NotifyKind,
  type NotifyOptions,
  type PluginArtifact,
  type PluginHealth,
  type PluginInstance,
  type PluginRuntime,
} from "./runtime.js";
export type { BreakerStatus } from "./supervisor/breaker.js";
export type { SupervisorOptions } from "./supervisor/options.js";
export { orAborted } from "./supervisor/or-aborted.js";
export type { PluginReplacement, PluginSupervisorParts } from "./supervisor/parts.js";
export { PluginSupervisor } from "./supervisor/plugin-supervisor.js";
export { PluginStarter, type StarterOptions } from "./supervisor/starter.js";
export type { PluginStatus, SupervisedPlugin } from "./supervisor/supervised-plugin.js";
