import {
  GUEST,
  type GuestExport,
  type GuestFactory,
  type GuestIdentity,
  OPTIONAL_EXPORTS,
  REQUIRED_EXPORTS,
} from "@aspen/plugin-api/abi";
import { intrinsics } from "./intrinsics.js";
import { Rejections } from "./rejections.js";

const DONE = 0;
const FAILED = 1;
const PENDING = 2;

/**
 * Connects a plugin with the engine template, which calls `__dispatch` and, as long as it leaves the call
 * pending, `__finish` and the jobs that follow from it;
 * `__rejection` whenever a promise is rejected or handled after all, and in such a call `__report` at its end.
 */
export function serve(plugin: unknown, identity: GuestIdentity): void {
  const factory = (plugin as { [GUEST]?: GuestFactory } | null | undefined)?.[GUEST];
  if (typeof factory !== "function") {
    throw new TypeError("the plugin's file must `export default definePlugin({ handlers: { … } })`");
  }
  const { inputJson, output, fail } = intrinsics();
  const guest = factory(identity);
  const order: readonly GuestExport[] = [...REQUIRED_EXPORTS, ...OPTIONAL_EXPORTS];
  let state = DONE;
  let current = 0;

  const succeed = (value: unknown) => {
    const { ok, text } = guest.resultText(value);
    if (!ok) return failWith(text);
    state = DONE;
    if (output(text)) return;
    report({ code: "PLUGIN_INVALID_RESPONSE", message: "the result cannot be sent: it is over the size limit" });
  };
  const reject = (error: unknown) => failWith(guest.errorText(error));
  const report = (json: object) => failWith(JSON.stringify(json));
  const failWith = (text: string) => {
    state = FAILED;
    fail(text);
  };

  const dispatch = (index: number): number => {
    intrinsics().begin?.();
    intrinsics().overlapping?.clear();
    current += 1;
    const call = current;
    // A promise of an earlier call that settles now must not answer this one.
    const mine = (settle: (value: unknown) => void) => (value: unknown) => {
      if (call === current) settle(value);
    };
    try {
      const result = guest.exports[order[index]!]?.(inputJson);
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
    if (state === PENDING && !intrinsics().overlapping?.next())
      report({ message: "the handler's promise can never settle: nothing is left to be done" });
    return state;
  };
  const rejections = new Rejections(guest.errorText);
  Object.assign(globalThis, {
    __dispatch: dispatch,
    __finish: finish,
    __rejection: rejections.note,
    __report: rejections.report,
    __exports: Object.keys(guest.exports).join(),
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}
