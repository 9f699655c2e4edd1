import type { Feature } from "@aspen/feature";

/** The features, each behind what it requires, otherwise in their order. `cycle`: names from one to itself. */
export function inOrder(features: ReadonlyMap<string, Feature>): { order: Feature[]; cycle: string[] | null } {
  const order = new Set<Feature>();
  let cycle: string[] | null = null;
  const visit = (name: string, path: readonly string[]) => {
    const feature = features.get(name);
    if (!feature || order.has(feature) || cycle) return;
    if (path.includes(name)) {
      cycle = [...path.slice(path.indexOf(name)), name];
      return;
    }
    for (const other of feature.requires ?? []) visit(other, [...path, name]);
    if (!cycle) order.add(feature);
  };
  for (const name of features.keys()) visit(name, []);
  return { order: [...order], cycle };
}
