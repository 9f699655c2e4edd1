import type { ResultOf } from "@aspen/rpc-core/remote";
import { table } from "./output.js";

type ShownToken = ResultOf<"token.inspect">;

/** A time in milliseconds since the epoch, as ISO 8601 has it. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}

export function tokenTable(tokens: readonly ShownToken[]): string {
  const rows = tokens.map(({ id, name, state, methods, kvPrefixes, expiresAt, lastUsedAt }) => [
    ...[id, name ?? "-", state, methods.join(" "), prefixesText(kvPrefixes)],
    ...[timeText(expiresAt), lastUsedAt === null ? "-" : timeText(lastUsedAt)],
  ]);
  return table(["ID", "NAME", "STATE", "METHODS", "KEYS", "EXPIRES", "LAST USED"], rows);
}

export function tokenText(token: ShownToken): string {
  const { state, revokedWith, id, parents, createdBy } = token;
  return table(
    ["FIELD", "VALUE"],
    [
      ["id", id],
      ["name", token.name ?? "-"],
      ["state", revokedWith === null || revokedWith === id ? state : `${state} with ${revokedWith}`],
      ["methods", token.methods.join(" ")],
      ["keys", prefixesText(token.kvPrefixes)],
      ["audience", token.audience],
      ["derived from", parents.length === 0 ? "-" : parents.join(" > ")],
      ["made by", `${createdBy.kind} ${createdBy.id}`],
      ["made at", timeText(token.createdAt)],
      ["expires at", timeText(token.expiresAt)],
      ["last used at", token.lastUsedAt === null ? "-" : timeText(token.lastUsedAt)],
    ],
  );
}

function prefixesText(prefixes: readonly string[]): string {
  return prefixes.length === 0 ? "-" : prefixes.map((prefix) => JSON.stringify(prefix)).join(" ");
}
