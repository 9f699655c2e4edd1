import { cut, handlePatternMatches, type PluginManifest } from "@aspen/plugin-api";
import {
  type MethodDescription,
  type RequestContext,
  type RequestHandler,
  type RpcRequest,
  spanned,
} from "@aspen/rpc-core";
import { hostErrors } from "../errors.js";
import type { CallOptions } from "../runtime.js";

/** Whatever answers a plugin's calls: a `PluginInstance`, or what stands before several. */
export interface PluginCallTarget {
  /** False while it could only refuse. @default true */
  readonly serving?: boolean;
  call(method: string, params: unknown, options: CallOptions): Promise<unknown>;
}

/** Makes a plugin of any tier a handler of requests. */
export class PluginHandler implements RequestHandler {
  readonly name: string;
  readonly priority: number;
  readonly methods: readonly MethodDescription[];
  readonly takesJsonBytes = true;

  constructor(
    manifest: Pick<PluginManifest, "name" | "priority" | "handles" | "description">,
    private readonly target: PluginCallTarget,
  ) {
    this.name = manifest.name;
    this.priority = manifest.priority;
    const { description } = manifest;
    this.methods = manifest.handles.map((method) =>
      description === undefined ? { method } : { method, summary: description },
    );
  }

  get available(): boolean {
    return this.target.serving ?? true;
  }

  canHandle(method: string): boolean {
    return this.methods.some((described) => handlePatternMatches(described.method, method));
  }

  handle({ method, params }: RpcRequest, context: RequestContext): Promise<unknown> {
    const { requestId, caller, signal, takesJsonBytes = false } = context;
    const { through = [] } = caller;
    // Its instances may all be waiting for this very answer.
    if (through.includes(this.name)) return Promise.reject(hostErrors.cycle(through, this.name));
    const attributes = { "aspen.plugin": this.name, "rpc.method": cut(method) };
    return spanned(context.trace, `plugin ${this.name}`, { attributes }, (trace) =>
      this.target.call(method, params, { requestId, caller, signal, trace, takesJsonBytes }),
    );
  }
}
