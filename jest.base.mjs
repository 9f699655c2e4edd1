// Siblings are imported from source (the "@aspen/source" condition), so a test never runs against a stale build.
export default {
  testEnvironment: "node",
  testEnvironmentOptions: { customExportConditions: ["@aspen/source", "node", "node-addons"] },
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1" },
  // A guard against what hangs; a busy machine takes many times as long as an idle one.
  testTimeout: 180_000,
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      {
        jsc: {
          target: "es2022",
          parser: { syntax: "typescript", decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: false },
        },
        module: { type: "es6" },
      },
    ],
  },
};
