// Builds the plugin into dist/plugin, where src/feature.ts finds it: its plugin.json there has the hash of its file.
import { buildPlugin } from "@aspen/guest-sdk/compiler";
import { reservedPrefixes } from "../dist/index.js";

const { warnings } = await buildPlugin({ directory: ".", outDirectory: "dist/plugin", official: { reservedPrefixes } });
for (const warning of warnings) console.warn(warning);
