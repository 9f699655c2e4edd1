import { POINTS } from "@aspen/feature";
import type { ServiceIdentifier } from "inversify";

type Shape = Readonly<Record<PropertyKey, "string" | "number" | "function">>;

/** The parts without which what is bound to a point cannot be used. */
const SHAPES: Readonly<Record<keyof typeof POINTS, Shape>> = {
  handlerFactory: { create: "function" },
  middleware: { name: "string", order: "number", handle: "function" },
  httpMount: { prefix: "string", handle: "function" },
  service: { name: "string", start: "function", [Symbol.asyncDispose]: "function" },
  runtime: { tier: "string", [Symbol.asyncDispose]: "function" },
  worker: { jobTypes: "function" },
  hostPort: { name: "string" },
  meter: { name: "string", help: "string", collect: "function" },
  healthCheck: { name: "string", check: "function" },
  announcement: { jobTypes: "function" },
  authenticator: { scheme: "string", authenticate: "function" },
  callerReview: { of: "string", review: "function" },
  keyOwner: { kvPrefixes: "function" },
};

const BY_POINT = new Map<ServiceIdentifier, Shape>(
  (Object.keys(SHAPES) as (keyof typeof POINTS)[]).map((name) => [POINTS[name], SHAPES[name]]),
);

/** What is missing, the end of a sentence: features in JavaScript have no compiler that says so. Null when nothing is. */
export function pointProblem(point: ServiceIdentifier, bound: unknown): string | null {
  if (typeof bound !== "object" || bound === null) return `is no object but ${bound === null ? "null" : typeof bound}`;
  const shape = BY_POINT.get(point) ?? {};
  for (const key of Reflect.ownKeys(shape)) {
    const part = (bound as Record<PropertyKey, unknown>)[key];
    if (typeof part !== shape[key] || Number.isNaN(part)) return `has no ${shape[key]} ${String(key)}`;
  }
  return null;
}
