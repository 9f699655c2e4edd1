// Siblings are imported from source (the "@aspen/source" condition), so a test never runs against a stale build.
export default {
  testEnvironment: "node",
  testEnvironmentOptions: { customExportConditions: ["@aspen/source", "node", "node-addons"] },
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  extensionsToTreatAsEsm: [".ts"],
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1" },
  testTimeout: 60_000,
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
