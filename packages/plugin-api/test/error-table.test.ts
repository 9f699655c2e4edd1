import { readFileSync } from "node:fs";
import { AspenError, ERROR_CLASSES, ERROR_TABLE, errorStatus, isAspenError } from "@aspen/plugin-api";
import { describe, expect, test } from "@jest/globals";

/** Codes are a promise to every client: one may be added here, none renamed or removed. */
const CODES = [
  "METHOD_NOT_FOUND",
  "INVALID_PARAMS",
  "PAYLOAD_TOO_LARGE",
  "DEADLINE_EXCEEDED",
  "CANCELLED",
  "INTERNAL",
  "PACKAGE_MISSING",
  "VERB_NOT_ALLOWED",
  "REQUEST_TIMEOUT",
  "HEADERS_TOO_LARGE",
  "EXPECTATION_FAILED",
  "UNAUTHENTICATED",
  "RATE_LIMITED",
  "TOKEN_NOT_FOUND",
  "PERMISSION_DENIED",
  "KV_NAMESPACE_DENIED",
  "KV_CONFLICT",
  "KV_NOT_FOUND",
  "KV_KEY_INVALID",
  "LEASE_LOST",
  "MEMBERSHIP_OVER",
  "SCHEDULE_INVALID",
  "TIMER_NOT_FOUND",
  "TOO_MANY_TIMERS",
  "CROSS_NAMESPACE",
  "CURSOR_INVALID",
  "OUTCOME_UNKNOWN",
  "STORE_UNAVAILABLE",
  "STORE_INCONSISTENT",
  "STORE_NOT_EMPTY",
  "EXPORT_INVALID",
  "BLOB_NOT_FOUND",
  "BLOB_HASH_INVALID",
  "BLOB_CORRUPT",
  "PLUGIN_NOT_FOUND",
  "PLUGIN_NAME_TAKEN",
  "PLUGIN_PREFIX_CONFLICT",
  "PLUGIN_CALL_OVER",
  "HANDLE_UNKNOWN",
  "LIMIT_EXCEEDED",
  "OUTBOUND_URL_INVALID",
  "OUTBOUND_PORT_DENIED",
  "OUTBOUND_ADDRESS_DENIED",
  "OUTBOUND_REDIRECT_DENIED",
  "OUTBOUND_UNRESOLVED",
  "OUTBOUND_UNREACHABLE",
  "OUTBOUND_CERTIFICATE",
  "OUTBOUND_TIMEOUT",
  "RPC_CYCLE",
  "RPC_TOO_DEEP",
  "PLUGIN_CONFIGURED",
  "PLUGIN_DEPENDENCY",
  "PLUGIN_TIMEOUT",
  "PLUGIN_TRAP",
  "PLUGIN_OUT_OF_MEMORY",
  "PLUGIN_INVALID_RESPONSE",
  "PLUGIN_UNAVAILABLE",
  "MANIFEST_INVALID",
  "API_VERSION_UNSUPPORTED",
  "WASM_INVALID",
  "WATCH_COMPACTED",
  "EVENTS_COMPACTED",
  "WASM_HASH_MISMATCH",
  "ARTIFACT_HASH_MISMATCH",
  "PLUGIN_TIER_UNAVAILABLE",
  "PLUGIN_TIER_REFUSED",
  "PLUGIN_OFFICIAL",
  "JOB_NOT_FOUND",
  "JOB_TYPE_UNKNOWN",
  "JOB_STATE",
  "JOB_FAILED",
  "JOB_TIMEOUT",
  "JOB_CANCELLED",
  "JOB_STALLED",
  "JOB_EXIT_NONZERO",
  "JOB_LIMIT_EXCEEDED",
  "JOB_ARCHIVE_INVALID",
  "JAIL_UNAVAILABLE",
  "JOB_DEPENDENCY_FAILED",
  "SCHEDULE_NOT_FOUND",
  "SCHEDULE_EXISTS",
  "SERVICE_NOT_FOUND",
  "SERVICE_FENCED",
  "SERVICE_CONFLICT",
  "SERVICE_FULL",
  "FORGE_REPO_NOT_FOUND",
  "FORGE_REPO_EXISTS",
  "FORGE_CONFLICT",
  "FORGE_GIT_FAILED",
  "BUILD_FAILED",
  "CONFIG_INVALID",
  "TOOL_MISSING",
  "FEATURE_OFF",
  "FEATURE_FAILED",
  "NODE_UNREACHABLE",
];

describe("the error table", () => {
  test("has exactly the codes that are promised", () => {
    expect(Object.keys(ERROR_TABLE).sort()).toEqual([...CODES].sort());
  });

  test("is what docs/errors.md lists, status by status", () => {
    const doc = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");
    const rows = [...doc.matchAll(/^\| `([A-Z_]+)` \| (\d+) \| (\d+) \| (\d+) \|/gm)].map(
      ([, code, http, grpc, exit]) => [code, Number(http), Number(grpc), Number(exit)],
    );
    expect(rows).toEqual(Object.entries(ERROR_TABLE).map(([code, it]) => [code, it.http, it.grpc, it.exit]));
  });

  test("uses statuses that the transports have", () => {
    for (const { http, grpc, exit, user } of Object.values(ERROR_TABLE)) {
      expect(http).toBeGreaterThanOrEqual(400);
      expect(http).toBeLessThan(600);
      expect(grpc).toBeGreaterThanOrEqual(1);
      expect(grpc).toBeLessThanOrEqual(16);
      expect(exit).toBeGreaterThanOrEqual(1);
      expect(exit).toBeLessThanOrEqual(125);
      if (user) expect(http).toBeLessThan(505);
    }
  });
});

describe("AspenError", () => {
  test("survives its JSON form", () => {
    const error = new AspenError("KV_CONFLICT", "the value changed", { key: "a:b" });
    const back = AspenError.fromJSON(JSON.parse(JSON.stringify(error)));
    expect(back).toMatchObject({ code: "KV_CONFLICT", message: "the value changed", details: { key: "a:b" } });
    expect(back.status.http).toBe(409);
    expect(isAspenError(back)).toBe(true);
  });

  test.each([
    [{}, "INTERNAL", "an error without a message"],
    [{ code: "lower", message: "m" }, "INTERNAL", "m"],
    [{ code: "A".repeat(65), message: "" }, "INTERNAL", "an error without a message"],
    [{ code: 7, message: 8, details: [] }, "INTERNAL", "an error without a message"],
  ])("takes %j as a code it can trust", (json, code, message) => {
    const error = AspenError.fromJSON(json as never);
    expect(error).toMatchObject({ code, message, details: undefined });
  });

  test("a plugin's own code has the statuses of its class, and of PLUGIN_TRAP without one", () => {
    expect(errorStatus({ code: "OUT_OF_COFFEE" })).toBe(ERROR_TABLE.PLUGIN_TRAP);
    expect(errorStatus({ code: "constructor" })).toBe(ERROR_TABLE.PLUGIN_TRAP);
    expect(errorStatus({ code: "OUT_OF_COFFEE", class: "exhausted" })).toBe(ERROR_CLASSES.exhausted);
    expect(errorStatus({ code: "OUT_OF_COFFEE", class: "constructor" as never })).toBe(ERROR_TABLE.PLUGIN_TRAP);
    expect(errorStatus({ code: "UNAUTHENTICATED", class: "not_found" })).toBe(ERROR_TABLE.UNAUTHENTICATED);
    const json = { code: "OUT_OF_COFFEE", class: "exhausted", message: "none left" } as const;
    expect(AspenError.fromJSON(json).toJSON()).toEqual(json);
    expect(new AspenError("CANCELLED", "", undefined, undefined, "denied").class).toBeUndefined();
  });

  test("wraps whatever was thrown and keeps it as the cause", () => {
    const cause = new TypeError("no");
    expect(AspenError.from(cause)).toMatchObject({ code: "INTERNAL", message: "no", cause });
    expect(AspenError.from("text", "PLUGIN_TRAP")).toMatchObject({ code: "PLUGIN_TRAP", message: "text" });
    const error = new AspenError("CANCELLED", "stopped");
    expect(AspenError.from(error)).toBe(error);
  });
});
