/** What a plugin of Node needs to be served as a process of its own. @module */
export { AspenError, isAspenError } from "@aspen/plugin-api/abi";
export { servePlugin } from "./serve-plugin.js";
