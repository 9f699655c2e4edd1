import { LIMITS, overridesSchema } from "@aspen/plugin-api";
import type { PluginInstaller, PluginSupervisor } from "@aspen/plugin-host";
import { methodsHandler, type RequestHandler } from "@aspen/rpc-core";
import { z } from "zod";
import { bytesSchema } from "./values.js";
import { zodMethod } from "./zod-method.js";

const byName = z.strictObject({ name: z.string().min(1).max(64) });

const artifact = z.strictObject({
  name: z.string().min(1).max(256).describe("As the manifest's entry names it: plugin.wasm."),
  content: bytesSchema.describe('The file, as {"base64": "…"}.'),
});

const plugin = z.strictObject({
  manifest: z.unknown().describe("plugin.json"),
  artifacts: z.array(artifact).max(LIMITS.artifacts).describe("The files that the manifest's entry names."),
  config: z.record(z.string(), z.unknown()).optional().describe("What the plugin reads; an update keeps what it has."),
  overrides: overridesSchema
    .optional()
    .describe("What is granted in place of what the manifest asks for; an update keeps what it has, and {} lifts it."),
});

/** `plugin.*`: what is installed, and changing it. */
export function pluginHandler(installer: PluginInstaller, supervisor: PluginSupervisor): RequestHandler {
  return methodsHandler({
    name: "plugin",
    priority: 102,
    methods: {
      "plugin.list": zodMethod({
        summary: "The installed plugins with their state on this node.",
        params: z.strictObject({}),
        handle: () => ({
          safeMode: supervisor.safeMode,
          plugins: supervisor.list(),
          unreadable: [...supervisor.corrupt].map(([name, { message }]) => ({ name, message })),
        }),
      }),
      "plugin.info": zodMethod({
        summary: "Everything this node knows of one plugin.",
        params: byName,
        handle: ({ name }) => supervisor.get(name).status(),
      }),
      "plugin.install": zodMethod({
        summary: "Installs a plugin on every node of the store; it has started on this one when the answer comes.",
        params: plugin,
        handle: (input) => installer.install(input),
      }),
      "plugin.update": zodMethod({
        summary: "Replaces an installed plugin; calls under way end on the version before.",
        params: plugin,
        handle: (input) => installer.update(input),
      }),
      "plugin.enable": zodMethod({
        summary:
          "Starts a plugin on every node that is disabled, or that was held because nodes died while they started it.",
        params: byName,
        handle: ({ name }) => installer.enable(name),
      }),
      "plugin.disable": zodMethod({
        summary: "Stops a plugin on every node and keeps it installed.",
        params: byName,
        handle: ({ name }) => installer.disable(name),
      }),
      "plugin.reload": zodMethod({
        summary: "Starts a plugin afresh on every node.",
        params: byName,
        handle: ({ name }) => installer.reload(name),
      }),
      "plugin.remove": zodMethod({
        summary: "Uninstalls a plugin from every node; its data stays.",
        params: byName,
        handle: async ({ name }) => {
          await installer.remove(name);
          return { removed: name };
        },
      }),
    },
  });
}
