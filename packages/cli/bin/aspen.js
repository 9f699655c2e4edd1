#!/usr/bin/env node
// Committed, so that npm can link it before dist exists.
import module from "node:module";
import { isAbsolute, join } from "node:path";

// Code that V8 has compiled is kept for the next start, where Node can do that (22.8 and later); a failure costs only time.
// It is kept in the user's own folder: Node's choice, below the one for temporary files, may have been made by another user.
const { XDG_CACHE_HOME: caches = "", HOME: home = "", NODE_COMPILE_CACHE: chosen } = process.env;
const folder = isAbsolute(caches) ? caches : join(home, ".cache");
if (chosen === undefined && isAbsolute(folder)) module.enableCompileCache?.(join(folder, "aspen", "compiled"));

await import("../dist/main.js");
