// Writes docs/errors.md from the error table; --check only compares.
import { fileURLToPath } from "node:url";
import { builtPackage, writeOrCheck } from "./generated-file.mjs";

const { ERROR_TABLE } = await builtPackage();
const rows = Object.entries(ERROR_TABLE).map(
  ([code, { http, grpc, exit, user, when }]) =>
    `| \`${code}\` | ${http} | ${grpc} | ${exit} | ${user ? "yes" : "no"} | ${when.replaceAll("|", "\\|")} |`,
);
const text = `# Error codes

<!-- Generated from packages/plugin-api/src/error-table.ts by \`npm run generate -w @aspen/plugin-api\`. -->

Every error has a code, a message and, where they help, details. A code means the same on every transport:
its HTTP status, its gRPC status and the exit status of the \`aspen\` command stand below. "Caller" says
whether the caller can mend it. A plugin may answer with a code of its own
(\`^[A-Z][A-Z0-9_]{0,63}$\`); it has the statuses of \`PLUGIN_TRAP\`. Codes are never reused.

| Code | HTTP | gRPC | Exit | Caller | When |
|---|---|---|---|---|---|
${rows.join("\n")}
`;
writeOrCheck(
  fileURLToPath(new URL("../../../docs/errors.md", import.meta.url)),
  text,
  "npm run generate -w @aspen/plugin-api",
);
