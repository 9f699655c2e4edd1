import { type GuestExport, type GuestRequest, OPTIONAL_EXPORTS, REQUIRED_EXPORTS } from "@aspen/plugin-api/abi";
import { isPlugin, type Plugin, type PluginHealthReport } from "../api/define-plugin.js";
import { guestErrorJson } from "./guest-error.js";
import { intrinsics } from "./intrinsics.js";
import { Rejections } from "./rejections.js";

/** What the build knows of a plugin from its plugin.json. */
export interface ServedInfo {
  name: string;
  version: string;
  api_version: string;
}

const DONE = 0;
const FAILED = 1;
const PENDING = 2;

/**
 * Connects a plugin with the engine template, which calls `__dispatch` and, when that left it pending, `__finish`;
 * `__rejection` whenever a promise is rejected or handled after all, and in such a call `__report` at its end.
 */
export function serve(plugin: unknown, info: ServedInfo): void {
  if (!isPlugin(plugin)) {
    throw new TypeError("the plugin's file must `export default definePlugin({ handlers: { … } })`");
  }
  const { inputJson, output, fail } = intrinsics();
  const exported = exportsOf(plugin, info, inputJson);
  const order: readonly GuestExport[] = [...REQUIRED_EXPORTS, ...OPTIONAL_EXPORTS];
  let state = DONE;
  let current = 0;

  const succeed = (value: unknown) => {
    state = DONE;
    let json: string | undefined;
    try {
      json = value === undefined ? "null" : JSON.stringify(value);
    } catch (error) {
      return refuse(error instanceof Error ? error.message : String(error));
    }
    if (json === undefined) refuse(`a ${typeof value} is not JSON`);
    else if (!output(json)) refuse("it is over the size limit");
  };
  const refuse = (why: string) => {
    report({ code: "PLUGIN_INVALID_RESPONSE", message: `the result cannot be sent: ${why}` });
  };
  const reject = (error: unknown) => report(guestErrorJson(error));
  const report = (json: object) => {
    state = FAILED;
    fail(JSON.stringify(json));
  };

  const dispatch = (index: number): number => {
    intrinsics().begin?.();
    current += 1;
    const call = current;
    // A promise of an earlier call that settles now must not answer this one.
    const mine = (settle: (value: unknown) => void) => (value: unknown) => {
      if (call === current) settle(value);
    };
    try {
      const result = exported[order[index]!]?.();
      if (isThenable(result)) {
        state = PENDING;
        result.then(mine(succeed), mine(reject));
      } else {
        succeed(result);
      }
    } catch (error) {
      reject(error);
    }
    return state;
  };
  const finish = (): number => {
    if (state === PENDING) report({ message: "the handler's promise can never settle: nothing is left to be done" });
    return state;
  };
  const rejections = new Rejections();
  Object.assign(globalThis, {
    __dispatch: dispatch,
    __finish: finish,
    __rejection: rejections.note,
    __report: rejections.report,
    __exports: Object.keys(exported).join(),
  });
}

type ExportTable = Partial<Record<GuestExport, () => unknown>>;

function exportsOf(plugin: Plugin, info: ServedInfo, input: () => unknown): ExportTable {
  const handlers = new Map(Object.entries(plugin.handlers));
  const table: ExportTable = {
    plugin_info: () => ({ ...info, handles: [...handlers.keys()] }),
    handle_request() {
      const { method, params, requestId } = input() as GuestRequest;
      const handler = handlers.get(method);
      if (handler) return handler(params, { method, requestId });
      throw Object.assign(new Error(`the plugin ${info.name} has no handler for ${JSON.stringify(method)}`), {
        code: "METHOD_NOT_FOUND",
      });
    },
  };
  const { onInit, onShutdown, onHealth, onTimer, onHookEvent } = plugin;
  if (onInit) table.plugin_init = () => after(onInit());
  if (onShutdown) table.plugin_shutdown = () => after(onShutdown());
  if (onHealth) table.plugin_health = async () => healthJson(await onHealth());
  if (onTimer) table.plugin_on_timer = () => after(onTimer(input()));
  if (onHookEvent) table.plugin_on_hook_event = () => onHookEvent(input());
  return table;
}

/** Nothing as the result, once it is done. */
async function after(work: unknown): Promise<undefined> {
  await work;
  return undefined;
}

function healthJson(report: PluginHealthReport): { state: string; message?: string } {
  if (report === undefined || report === true) return { state: "healthy" };
  if (report === false) return { state: "degraded", message: "onHealth returned false" };
  return report;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
