import { POINTS } from "@aspen/feature";
import { type ContainerModule, ContainerModule as Module, type ServiceIdentifier } from "inversify";
import { nodeErrors } from "../errors.js";
import { pointProblem } from "./point-shapes.js";

const POINT_IDENTIFIERS = new Set<ServiceIdentifier>(Object.values(POINTS));

/** What features bind to the points, and which feature each is of: so that an error can name it, whoever asked first. */
export class FeatureBindings {
  readonly #features = new WeakMap<object, string>();
  /** Errors that name their feature already: they pass through those that asked for what failed. */
  readonly #named = new WeakSet<object>();

  /** The feature that bound this to a point. */
  featureOf(bound: object): string {
    return this.#features.get(bound) ?? "node";
  }

  /** A feature's module with its bindings to points known as its own. */
  of(feature: string, module: ContainerModule): ContainerModule {
    if (typeof module?.load !== "function") throw new TypeError("it gave no ContainerModule of inversify");
    return new Module((options) => {
      const bind = ((point: ServiceIdentifier) => {
        if (!POINT_IDENTIFIERS.has(point)) return options.bind(point);
        const own = Symbol(`${nameOf(point)} of ${feature}`);
        let underWay = false;
        options.bind(point).toDynamicValue((context) => {
          if (underWay) throw new Error(`what it binds to ${nameOf(point)} needs itself`);
          underWay = true;
          try {
            return this.#check(feature, point, context.get(own));
          } catch (error) {
            throw this.#name(feature, error);
          } finally {
            underWay = false;
          }
        });
        return options.bind(own);
      }) as typeof options.bind;
      return module.load({ ...options, bind });
    });
  }

  #check(feature: string, point: ServiceIdentifier, bound: unknown): unknown {
    const problem = pointProblem(point, bound);
    if (problem !== null) throw new TypeError(`what it binds to ${nameOf(point)} ${problem}`);
    this.#features.set(bound as object, feature);
    return bound;
  }

  #name(feature: string, error: unknown): unknown {
    if (typeof error === "object" && error !== null && this.#named.has(error)) return error;
    const named = nodeErrors.featureBroken(feature, "bindings", error);
    this.#named.add(named);
    return named;
  }
}

/** As it is written: `POINTS.service`. */
function nameOf(point: ServiceIdentifier): string {
  return `POINTS.${Object.entries(POINTS).find(([, identifier]) => identifier === point)?.[0]}`;
}
