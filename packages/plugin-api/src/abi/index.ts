/** The part of the contract that a guest needs too: no dependency, no I/O. @module */
export { AspenError, type AspenErrorJson, errorStatus, isAspenError } from "../aspen-error.js";
export { ERROR_CLASSES, type ErrorClass, isErrorClass } from "../error-class.js";
export { ERROR_TABLE, type ErrorCode, type ErrorStatus } from "../error-table.js";
export { cut, quoted } from "../foreign-text.js";
export { type JsonBounds, type JsonProblem, jsonProblem } from "../json-check.js";
export { jsonNestsDeeper } from "../json-depth.js";
export type { PutOptions, ScanOptions } from "../kv-options.js";
export { LIMITS } from "../limits.js";
export { handlePatternMatches } from "../method-pattern.js";
export {
  defaultKvPrefix,
  eventLogPrefix,
  isEventLogKey,
  isKeyAllowed,
  isScanPrefixAllowed,
  namespaceOf,
  PREFIX_SEPARATORS,
  prefixesOverlap,
  prefixProblem,
  RESERVED_PREFIXES,
  wholeNamespaces,
  withKvPrefixes,
} from "../namespaces.js";
export { isNodeCode } from "../node-codes.js";
export { isPermitted, type Permission, permissionCovers } from "../permissions.js";
export { thrownError } from "../thrown.js";
export { type PluginTierName, TIER_FEATURES } from "../tiers.js";
export { BUNDLE_NAME, SOURCE_MAP_SECTION } from "./code-names.js";
export { AttachmentReader, decodeEnvelope, type Envelope, encodeEnvelope, readU64, writeU64 } from "./envelope.js";
export {
  type GuestCaller,
  type GuestErrorJson,
  type GuestExport,
  type GuestRequest,
  OPTIONAL_EXPORTS,
  REQUIRED_EXPORTS,
} from "./exports.js";
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
} from "./host-functions.js";
export {
  GUEST,
  type Guest,
  type GuestFactory,
  type GuestIdentity,
  NATIVE_HOSTS,
  type NativeHost,
  type NativeHosts,
  type NativeRequest,
} from "./native.js";
export {
  type HostFunctionPermission,
  hostPermission,
  type PermissionByArgument,
  permissionLabel,
  requiredPermission,
} from "./required-permission.js";
export { errorResult, taggedResult } from "./tagged-result.js";
export { RESULT_ERROR, RESULT_NOT_FOUND, RESULT_OK } from "./tags.js";
export { decodeDocument, decodeStrictUtf8, decodeUtf8, encodeUtf8 } from "./utf8.js";
export { CURRENT_API_VERSION, SUPPORTED_API_VERSIONS } from "./version.js";
export type { WasmModule } from "./wasm-module.js";
