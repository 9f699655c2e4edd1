import type { Feature } from "@aspen/feature";

/** What is wrong with what should be a feature; null when nothing is. Those in JavaScript have no compiler that says so. */
export function featureProblem(value: unknown, name?: string): string | null {
  if (typeof value !== "object" || value === null) return "it is no object";
  const feature = value as Partial<Feature>;
  if (typeof feature.name !== "string") return "it has no name";
  if (name !== undefined && feature.name !== name) return `its name is ${feature.name}`;
  if (typeof feature.config?.["~standard"]?.validate !== "function") return "its config is no Standard Schema";
  if (typeof feature.module !== "function") return "it has no function module";
  if (!["function", "undefined"].includes(typeof feature.tools)) return "its tools are no function";
  const { requires = [] } = feature;
  const isList = Array.isArray(requires) && requires.every((other) => typeof other === "string");
  return isList ? null : "its requires are no list of names";
}
