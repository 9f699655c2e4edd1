// Writes docs/errors.md from the error table; --check only compares.
import { fileURLToPath } from "node:url";
import { builtPackage, writeOrCheck } from "./generated-file.mjs";

const { ERROR_CLASSES, ERROR_TABLE } = await builtPackage();
const rows = Object.entries(ERROR_TABLE).map(
  ([code, { http, grpc, exit, user, when }]) =>
    `| \`${code}\` | ${http} | ${grpc} | ${exit} | ${user ? "yes" : "no"} | ${when.replaceAll("|", "\\|")} |`,
);
const classes = Object.entries(ERROR_CLASSES).map(
  ([name, { http, grpc, exit, when }]) => `| \`${name}\` | ${http} | ${grpc} | ${exit} | ${when} |`,
);
const text = `# Error codes

<!-- Generated from packages/plugin-api/src/error-table.ts by \`npm run generate -w @aspen/plugin-api\`. -->

Every error has a code, a message and, where they help, details. A code means the same on every transport:
its HTTP status, its gRPC status and the exit status of the \`aspen\` command stand below. "Caller" says
whether the caller can mend it. A plugin may answer with a code of its own
(\`^[A-Z][A-Z0-9_]{0,63}$\`) and name its class, which decides its statuses; without a class they are those of
\`PLUGIN_TRAP\`. Codes are never reused.

| Class | HTTP | gRPC | Exit | When |
|---|---|---|---|---|
${classes.join("\n")}

| Code | HTTP | gRPC | Exit | Caller | When |
|---|---|---|---|---|---|
${rows.join("\n")}
`;
writeOrCheck(
  fileURLToPath(new URL("../../../docs/errors.md", import.meta.url)),
  text,
  "npm run generate -w @aspen/plugin-api",
);
