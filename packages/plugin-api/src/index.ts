/** The plugin contract: no I/O. @module */

export { BUNDLE_NAME, SOURCE_MAP_SECTION } from "./abi/code-names.js";
export { AttachmentReader, decodeEnvelope, type Envelope, encodeEnvelope, readU64, writeU64 } from "./abi/envelope.js";
export {
  type GuestCaller,
  type GuestErrorJson,
  type GuestExport,
  type GuestRequest,
  OPTIONAL_EXPORTS,
  REQUIRED_EXPORTS,
} from "./abi/exports.js";
export {
  type AtBuild,
  ENGINE_IMPORTS,
  findHostFunction,
  HOST_FUNCTIONS,
  type HostEffect,
  type HostFunctionName,
  type HostFunctionSpec,
  type ImmediateHostFunctionName,
  isImmediate,
  type OverlappingHostFunctionName,
  type ParameterKind,
  type ResultKind,
} from "./abi/host-functions.js";
export {
  type HostFunctionPermission,
  type PermissionByArgument,
  permissionLabel,
  requiredPermission,
} from "./abi/required-permission.js";
export { errorResult, taggedResult } from "./abi/tagged-result.js";
export { RESULT_ERROR, RESULT_NOT_FOUND, RESULT_OK } from "./abi/tags.js";
export { decodeDocument, decodeStrictUtf8, decodeUtf8, encodeUtf8 } from "./abi/utf8.js";
export { CURRENT_API_VERSION, SUPPORTED_API_VERSIONS } from "./abi/version.js";
export { AspenError, type AspenErrorJson, errorStatus, isAspenError } from "./aspen-error.js";
export type { Clock } from "./clock.js";
export { type DependencyProblem, dependentsOf, type LoadOrder, resolveLoadOrder } from "./dependencies.js";
export { ERROR_CLASSES, type ErrorClass, isErrorClass } from "./error-class.js";
export { ERROR_TABLE, type ErrorCode, type ErrorStatus } from "./error-table.js";
export { pluginApiErrors } from "./errors.js";
export { type EveryOptions, every, type Loop } from "./every.js";
export { cut, quoted } from "./foreign-text.js";
export { GuestStackMap, hasBundlePosition, SOURCE_MAP_LIMITS } from "./guest-stack.js";
export { type JsonBounds, type JsonProblem, jsonProblem } from "./json-check.js";
export { jsonNestsDeeper } from "./json-depth.js";
export type { PutOptions, ScanOptions } from "./kv-options.js";
export {
  canTransition,
  isServing,
  LIFECYCLE_STATES,
  LIFECYCLE_TRANSITIONS,
  Lifecycle,
  type LifecycleState,
} from "./lifecycle.js";
export { LIMITS } from "./limits.js";
export type { Logger } from "./logger.js";
export {
  allowedKvPrefixes,
  artifactsOf,
  manifestJsonSchema,
  manifestSchema,
  type ParseManifestOptions,
  type PluginManifest,
  type PluginManifestInput,
  parseManifest,
  storedManifestSchema,
} from "./manifest.js";
export {
  backgroundProblems,
  type ManifestSubscription,
  type ManifestTimer,
  timerName,
} from "./manifest-background.js";
export type {
  IpcEntry,
  NativeEntry,
  PluginEntry,
  WasmEntry,
} from "./manifest-entry.js";
export { overridesSchema, type PluginOverrides, parseOverrides, withOverrides } from "./manifest-overrides.js";
export { manifestWarnings, unusedPermissions } from "./manifest-warnings.js";
export { handlePatternMatches } from "./method-pattern.js";
export {
  defaultKvPrefix,
  eventLogPrefix,
  isEventLogKey,
  isKeyAllowed,
  isNodeKey,
  isScanPrefixAllowed,
  NODE_PREFIXES,
  namespaceOf,
  PREFIX_SEPARATORS,
  prefixesOverlap,
  prefixProblem,
  RESERVED_PREFIXES,
  wholeNamespaces,
  withKvPrefixes,
} from "./namespaces.js";
export {
  isPermission,
  isPermitted,
  PARAMETERISED_PERMISSIONS,
  type Permission,
  type PermissionFamily,
  permissionCovers,
  SIMPLE_PERMISSIONS,
  type SimplePermission,
} from "./permissions.js";
export {
  type PluginInfo,
  parsePluginInfo,
  pluginInfoProblems,
  pluginInfoSchema,
} from "./plugin-info.js";
export { thrownError } from "./thrown.js";
export { type PluginTierName, TIER_FEATURES } from "./tiers.js";
export { isTopicPattern, topicMatches } from "./topic-pattern.js";
export { compareVersions } from "./versions.js";
