import { printable, table } from "../output.js";
import { timeText } from "../token-text.js";
import type { Repository } from "./forge-session.js";

/** A repository, a line for each field. */
export function repoText(repository: Repository): string {
  const { owner, name, visibility, defaultBranch, description, createdAt, createdBy, cloneUrl } = repository;
  return [
    `name            ${printable(`${owner}/${name}`)}`,
    `clone           git clone ${printable(cloneUrl)}`,
    `visibility      ${visibility}`,
    `default branch  ${printable(defaultBranch)}`,
    `created         ${timeText(createdAt)} by ${printable(`${createdBy.kind} ${createdBy.id}`)}`,
    ...(description === "" ? [] : [`description     ${printable(description)}`]),
  ].join("\n");
}

export function repoTable(repositories: readonly Repository[]): string {
  const rows = repositories.map(({ owner, name, visibility, defaultBranch, description }) => [
    printable(`${owner}/${name}`),
    visibility,
    printable(defaultBranch),
    printable(description),
  ]);
  return table(["NAME", "VISIBILITY", "BRANCH", "DESCRIPTION"], rows);
}
