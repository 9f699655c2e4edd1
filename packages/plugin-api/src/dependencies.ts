import satisfies from "semver/functions/satisfies.js";
import type { ErrorCode } from "./error-table.js";
import type { PluginManifest } from "./manifest.js";

/** Why one plugin cannot be loaded. */
export interface DependencyProblem {
  /** Name of the plugin that cannot be loaded. */
  plugin: string;
  /** What is wrong, as the end of a sentence that begins with the plugin's name. */
  problem: string;
  code: ErrorCode;
}

/** The plugins that can be loaded, in order, and why each of the others cannot. */
export interface LoadOrder {
  /** Dependencies before their dependents; plugins that do not depend on each other are in alphabetical order. */
  order: PluginManifest[];
  /** At least one entry for every manifest that is not in `order`; alphabetical by plugin. */
  problems: DependencyProblem[];
}

/**
 * Decides in which order plugins are loaded. A required dependency must be there and be loadable; one that
 * is there, required or optional, must satisfy the range; an optional one that is absent or itself cannot
 * be loaded is left out. Of two manifests with one name the first counts.
 */
export function resolveLoadOrder(manifests: readonly PluginManifest[]): LoadOrder {
  const problems: DependencyProblem[] = [];
  const byName = new Map<string, PluginManifest>();
  for (const manifest of manifests) {
    if (!byName.has(manifest.name)) byName.set(manifest.name, manifest);
    else problems.push({ plugin: manifest.name, problem: "is there more than once", code: "PLUGIN_NAME_TAKEN" });
  }
  const names = [...byName.keys()].sort(alphabetically);
  const edges = new Map(names.map((name) => [name, presentDependencies(byName.get(name)!, byName)]));

  const broken = new Set<string>();
  const refuse = (plugin: string, problem: string) => {
    broken.add(plugin);
    problems.push({ plugin, problem, code: "PLUGIN_DEPENDENCY" });
  };
  for (const name of names) {
    for (const problem of directProblems(byName.get(name)!, byName)) refuse(name, problem);
    const cycle = shortestCycle(name, edges);
    if (cycle) refuse(name, `is part of the dependency cycle ${cycle.join(" → ")}`);
  }
  refuseDependents(names, byName, broken, refuse);

  const order = sortByDependencies(
    names.filter((name) => !broken.has(name)),
    edges,
  ).map((name) => byName.get(name)!);
  return { order, problems: problems.sort((a, b) => alphabetically(a.plugin, b.plugin)) };
}

/** Names of the plugins that require `name` directly, in alphabetical order; optional dependents are not among them. */
export function dependentsOf(name: string, manifests: readonly PluginManifest[]): string[] {
  const dependents = manifests.filter((manifest) =>
    manifest.dependencies.some((dependency) => dependency.name === name && !dependency.optional),
  );
  return [...new Set(dependents.map((manifest) => manifest.name))].sort(alphabetically);
}

function presentDependencies(manifest: PluginManifest, byName: ReadonlyMap<string, PluginManifest>): string[] {
  const present = manifest.dependencies.map(({ name }) => name).filter((name) => byName.has(name));
  return [...new Set(present)].sort(alphabetically);
}

function directProblems(manifest: PluginManifest, byName: ReadonlyMap<string, PluginManifest>): string[] {
  const problems: string[] = [];
  for (const { name, version, optional } of manifest.dependencies) {
    const found = byName.get(name);
    if (!found && !optional) problems.push(`needs ${name} ${version}, which is not installed`);
    // Somebody who installs a prerelease wants to use it, so "*" and "^1.0.0" accept one.
    if (found && !satisfies(found.version, version, { includePrerelease: true })) {
      problems.push(`needs ${name} ${version}, but version ${found.version} is installed`);
    }
  }
  return problems;
}

/** The shortest cycle through `start`, written from its alphabetically first member back to it. */
function shortestCycle(start: string, edges: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const name of queue) {
    for (const next of edges.get(name) ?? []) {
      if (next === start) return rotate(pathTo(name, start, cameFrom));
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, name);
      queue.push(next);
    }
  }
  return undefined;
}

function pathTo(end: string, start: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const path = [end];
  for (let name = end; name !== start; path.push(name)) name = cameFrom.get(name)!;
  return path.reverse();
}

function rotate(cycle: readonly string[]): string[] {
  const first = [...cycle].sort(alphabetically)[0]!;
  const at = cycle.indexOf(first);
  return [...cycle.slice(at), ...cycle.slice(0, at), first];
}

/** A plugin cannot be loaded when something that it requires cannot be. Its problem names what it requires. */
function refuseDependents(
  names: readonly string[],
  byName: ReadonlyMap<string, PluginManifest>,
  broken: ReadonlySet<string>,
  refuse: (plugin: string, problem: string) => void,
): void {
  for (let changed = true; changed; ) {
    changed = false;
    for (const name of names) {
      if (broken.has(name)) continue;
      const culprit = byName.get(name)!.dependencies.find((it) => !it.optional && broken.has(it.name));
      if (!culprit) continue;
      refuse(name, `depends on ${culprit.name}, which cannot be loaded`);
      changed = true;
    }
  }
}

function sortByDependencies(names: readonly string[], edges: ReadonlyMap<string, readonly string[]>): string[] {
  const order: string[] = [];
  const waiting = new Set(names);
  while (waiting.size > 0) {
    // `waiting` keeps the alphabetical order; no cycle is left, so one is always free.
    const free = [...waiting].find((name) => !edges.get(name)!.some((dependency) => waiting.has(dependency)))!;
    waiting.delete(free);
    order.push(free);
  }
  return order;
}

function alphabetically(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
