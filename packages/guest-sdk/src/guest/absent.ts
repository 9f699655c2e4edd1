/**
 * What a plugin's environment lacks. Each name in this list has a value that is false, and that `typeof` calls
 * "undefined", so a package that tests for a thing finds it absent. Code that uses it without a test, by calling,
 * constructing or converting it or a member of it, gets an error that says why.
 */

const FETCH = "use `http.fetch`";
const NETWORK = "a plugin has no network but `http.fetch`";
const TIMERS = "a call ends when its handler's promise settles";
const THREADS = "an instance is one thread";
const STREAMS = "use strings and Uint8Array";
const CANCELLING = "nothing in a plugin can be cancelled: host calls have ended when they return";
const STORAGE = "use `kv`";
const DEVICES = "a plugin has neither page nor devices";

/** Why each name is not there. */
export const ABSENT: Readonly<Record<string, string>> = {
  ...all(FETCH, "fetch Request Response Headers"),
  ...all(NETWORK, "FormData WebSocket EventSource XMLHttpRequest"),
  ...all(TIMERS, "setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate"),
  ...all(TIMERS, "requestAnimationFrame cancelAnimationFrame requestIdleCallback cancelIdleCallback"),
  ...all(THREADS, "Worker SharedWorker MessageChannel MessagePort MessageEvent BroadcastChannel Atomics"),
  ...all(STREAMS, "Blob File FileReader ReadableStream WritableStream TransformStream"),
  ...all(STREAMS, "CompressionStream DecompressionStream TextEncoderStream TextDecoderStream"),
  ...all(CANCELLING, "AbortController AbortSignal Event EventTarget CustomEvent"),
  ...all(STORAGE, "localStorage sessionStorage indexedDB caches"),
  Intl: "it has no data of locales and time zones; the formats of en-US in UTC are those without a locale",
  WebAssembly: "a plugin cannot load code",
};

/** Why something is not there that a plugin has when its code names it. */
export const UNNAMED = "it is there in plugins whose code names it, and the code of this one was made at run time";

/** Absent from plugins whose code names none of them, because they make a plugin larger. */
export const ON_DEMAND: Readonly<Record<string, string>> = all(UNNAMED, "URL URLSearchParams structuredClone");

/** Names that stay undefined, because packages tell by them whether they run in a browser or in Node. */
export const UNDEFINED: Readonly<Record<string, string>> = {
  ...all("it is a part of Node", "process Buffer require module exports __dirname __filename"),
  ...all(DEVICES, "window document self navigator location history screen alert confirm prompt"),
};

function all(why: string, names: string): Record<string, string> {
  return Object.fromEntries(names.split(" ").map((name) => [name, why]));
}

export function refusal(name: string, why: string): string {
  return `${name} is not available in a plugin: ${why}`;
}

/** What a stand-in knows of itself. */
interface Missing {
  (): void;
  what: string;
  why: string;
  standIn: object;
}

const refuse = ({ what, why }: Missing): never => {
  throw new Error(refusal(what, why));
};

// One handler for all, because each more would take memory of every plugin.
const HANDLER: ProxyHandler<Missing> = {
  // Its members are absent too, so that code can test for `Intl.Segmenter`.
  get: ({ standIn }) => standIn,
  apply: refuse,
  construct: refuse,
  set: refuse,
  has: refuse,
  ownKeys: refuse,
  defineProperty: refuse,
  deleteProperty: refuse,
  getOwnPropertyDescriptor: refuse,
  setPrototypeOf: refuse,
};

/** The stand-in for one name; `hide` makes it look undefined. */
export function absent(what: string, why: string, hide: (value: object) => void): object {
  // This is a function declaration, because an arrow function cannot be constructed.
  function target(): void {}
  const missing = Object.assign(target, { what, why, standIn: {} });
  missing.standIn = new Proxy(missing, HANDLER);
  hide(missing.standIn);
  return missing.standIn;
}

/** What to add to the engine's bare "'process' is not defined"; empty for names that nobody expects. */
export function missingHint(message: string): string {
  const name = /^'?([A-Za-z_$][\w$]*)'? is not defined$/.exec(message)?.[1];
  if (name === undefined || !Object.hasOwn(UNDEFINED, name)) return "";
  return ` (${refusal(name, UNDEFINED[name]!)})`;
}
