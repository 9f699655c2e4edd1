/** The program that serves the module of a plugin: `node sdk/main.js MODULE`. @module */
import { pathToFileURL } from "node:url";
import { servePlugin } from "./serve-plugin.js";

const [, , path] = process.argv;
if (path === undefined) throw new Error("which module? node sdk/main.js MODULE");
const { default: plugin } = (await import(pathToFileURL(path).href)) as { default?: unknown };
await servePlugin(plugin);
