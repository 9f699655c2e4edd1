import { POINTS } from "@aspen/feature";
import type { ServiceIdentifier } from "inversify";

type Shape = Readonly<Record<PropertyKey, "string" | "number" | "function">>;

/** The parts without which what is bound to a point cannot be used. */
const SHAPES = new Map<ServiceIdentifier, Shape>([
  [POINTS.handlerFactory, { create: "function" }],
  [POINTS.middleware, { name: "string", order: "number", handle: "function" }],
  [POINTS.httpMount, { prefix: "string", handle: "function" }],
  [POINTS.service, { name: "string", start: "function", [Symbol.asyncDispose]: "function" }],
  [POINTS.runtime, { tier: "string", [Symbol.asyncDispose]: "function" }],
  [POINTS.hostPort, { name: "string" }],
  [POINTS.meter, { name: "string", help: "string", collect: "function" }],
  [POINTS.healthCheck, { name: "string", check: "function" }],
]);

/** What is missing, the end of a sentence: features in JavaScript have no compiler that says so. Null when nothing is. */
export function pointProblem(point: ServiceIdentifier, bound: unknown): string | null {
  if (typeof bound !== "object" || bound === null) return `is no object but ${bound === null ? "null" : typeof bound}`;
  const shape = SHAPES.get(point) ?? {};
  for (const key of Reflect.ownKeys(shape)) {
    const part = (bound as Record<PropertyKey, unknown>)[key];
    if (typeof part !== shape[key] || Number.isNaN(part)) return `has no ${shape[key]} ${String(key)}`;
  }
  return null;
}
