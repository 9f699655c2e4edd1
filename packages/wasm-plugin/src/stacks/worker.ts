/** Entry of the thread that reads source maps of plugins. The time and memory that they cost end with it. */
import { parentPort } from "node:worker_threads";
import { GuestStackMap } from "@aspen/plugin-api";
import { decodeUtf8, SOURCE_MAP_SECTION } from "@aspen/plugin-api/abi";
import type { MapAnswer, MapRequest } from "./messages.js";

if (!parentPort) throw new Error("this file runs only as a worker thread");
const port = parentPort;

/** The map that was read last: a plugin that fails in a loop has it read once. */
let last: { key: number; map: GuestStackMap | null } | null = null;

function answer({ key, module, texts, mostCharacters }: MapRequest): MapAnswer {
  try {
    if (last?.key !== key) {
      last = null;
      last = { key, map: readMap(module) };
    }
    const { map } = last;
    return { texts: map ? texts.map((text) => map.map(text, mostCharacters)) : texts };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Null: the file has none. @throws Error */
function readMap(module: WebAssembly.Module): GuestStackMap | null {
  const [section] = WebAssembly.Module.customSections(module, SOURCE_MAP_SECTION);
  return section ? new GuestStackMap(decodeUtf8(new Uint8Array(section))) : null;
}

port.on("message", (request: MapRequest) => port.postMessage(answer(request)));
