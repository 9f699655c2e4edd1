import { LIMITS, overridesSchema } from "@aspen/plugin-api";
import {
  DeadEvents,
  type PluginInstaller,
  type PluginLogs,
  type PluginSupervisor,
  redriveDeadEvents,
} from "@aspen/plugin-host";
import { type HandlerFactory, type MethodsOf, method, methodsHandlerFactory } from "@aspen/rpc-core";
import { bytesSchema } from "@aspen/rpc-core/zod";
import type { KeyValueStore } from "@aspen/storage";
import { z } from "zod";
import { actorOf } from "../auth/actor.js";
import {
  deadEventSchema,
  installedPluginSchema,
  LOG_LEVELS,
  pluginListSchema,
  pluginLogsSchema,
  pluginStatusSchema,
  redrivenSchema,
  startedPluginSchema,
} from "./plugin-schemas.js";

const byName = z.strictObject({ name: z.string().min(1).max(64) });

const deadEventsOf = z.strictObject({
  ...byName.shape,
  event: z.string().min(1).max(LIMITS.keyBytes).optional().describe("Only this one, by its id; all."),
});

const artifact = z.strictObject({
  name: z.string().min(1).max(256).describe("As the manifest's entry names it: plugin.wasm."),
  content: bytesSchema.describe('The file, as {"base64": "…"}.'),
});

const plugin = z.strictObject({
  manifest: z.unknown().describe("plugin.json"),
  artifacts: z.array(artifact).max(LIMITS.artifacts).describe("The files that the manifest's entry names."),
  config: z
    .record(z.string(), z.unknown())
    .refine(isJson, "must be JSON, without a circle")
    .optional()
    .describe("What the plugin reads; an update keeps what it has."),
  overrides: overridesSchema
    .optional()
    .describe("What is granted in place of what the manifest asks for; an update keeps what it has, and {} lifts it."),
});

/** `plugin.*`: what is installed, and changing it. */
export function pluginHandlerFactory(
  installer: PluginInstaller,
  supervisor: PluginSupervisor,
  logs: PluginLogs,
  kv: KeyValueStore,
): HandlerFactory {
  return methodsHandlerFactory({
    name: "plugin",
    priority: 102,
    methods: () => pluginMethods(installer, supervisor, logs, kv),
  });
}

/** Params and results of the methods, from the table below. */
export type PluginMethods = MethodsOf<ReturnType<typeof pluginMethods>>;

declare module "@aspen/rpc-core" {
  interface RpcMethods extends PluginMethods {}
}

function pluginMethods(installer: PluginInstaller, supervisor: PluginSupervisor, logs: PluginLogs, kv: KeyValueStore) {
  return {
    "plugin.list": method({
      summary: "The installed plugins with their state on this node.",
      params: z.strictObject({}),
      safe: true,
      result: pluginListSchema,
      handle: () => ({
        safeMode: supervisor.safeMode,
        plugins: supervisor.list(),
        unreadable: [...supervisor.corrupt].map(([name, { message }]) => ({ name, message })),
      }),
    }),
    "plugin.info": method({
      summary: "Everything this node knows of one plugin.",
      params: byName,
      safe: true,
      result: pluginStatusSchema,
      handle: ({ name }) => supervisor.get(name).status(),
    }),
    "plugin.deadEvents": method({
      summary: "The events that a plugin did not take, at most 1,000, the oldest first; each is kept for a week.",
      params: byName,
      safe: true,
      result: z.strictObject({ events: z.array(deadEventSchema) }),
      handle: async ({ name }) => ({ events: await new DeadEvents(kv, supervisor.get(name).name).list() }),
    }),
    "plugin.redriveDeadEvents": method({
      summary:
        "Tells a plugin, on this node, of its dead events again, each once, the oldest first; those that it takes are dead no more.",
      params: deadEventsOf,
      result: redrivenSchema,
      handle: ({ name, event }, { caller, signal }) => {
        const target = supervisor.get(name);
        return redriveDeadEvents({ kv, plugin: target.name, target, caller, event, signal });
      },
    }),
    "plugin.purgeDeadEvents": method({
      summary: "Forgets the dead events of a plugin; the log of their namespace keeps them as long as all events.",
      params: deadEventsOf,
      result: z.strictObject({ purged: z.int() }),
      handle: async ({ name, event }) => ({ purged: await new DeadEvents(kv, supervisor.get(name).name).purge(event) }),
    }),
    "plugin.logs": method({
      summary: "The last lines of a plugin's log on this node, or those behind a cursor.",
      params: z.strictObject({
        ...byName.shape,
        after: z.string().max(128).optional().describe("The cursor of the page before; without it, the last lines."),
        limit: z.int().min(1).max(1000).optional().describe("Most lines; 100."),
        level: z.enum(LOG_LEVELS).optional().describe("The least level; debug."),
      }),
      safe: true,
      result: pluginLogsSchema,
      handle: ({ name, ...page }) => {
        // A plugin that is not there, and never was on this node, has no log; that is not the same as an empty one.
        if (!logs.has(name)) supervisor.get(name);
        return logs.read(name, page);
      },
    }),
    "plugin.install": method({
      summary: "Installs a plugin on every node of the store; it has started on this one when the answer comes.",
      params: plugin,
      result: installedPluginSchema,
      handle: (input, context) => installer.install(input, actorOf(context)),
    }),
    "plugin.update": method({
      summary: "Replaces an installed plugin; calls under way end on the version before.",
      params: plugin,
      result: installedPluginSchema,
      handle: (input, context) => installer.update(input, actorOf(context)),
    }),
    "plugin.enable": method({
      summary:
        "Starts a plugin on every node that is disabled, or that was held because nodes died while they started it.",
      params: byName,
      result: startedPluginSchema,
      handle: ({ name }, context) => installer.enable(name, actorOf(context)),
    }),
    "plugin.disable": method({
      summary: "Stops a plugin on every node and keeps it installed.",
      params: byName,
      result: pluginStatusSchema,
      handle: ({ name }, context) => installer.disable(name, actorOf(context)),
    }),
    "plugin.reload": method({
      summary: "Starts a plugin afresh on every node.",
      params: byName,
      result: startedPluginSchema,
      handle: ({ name }, context) => installer.reload(name, actorOf(context)),
    }),
    "plugin.remove": method({
      summary: "Uninstalls a plugin from every node; its data stays.",
      params: byName,
      result: z.strictObject({ removed: z.string() }),
      handle: async ({ name }, context) => {
        await installer.remove(name, actorOf(context));
        return { removed: name };
      },
    }),
  };
}

/** What callers in this process pass may be no JSON. */
function isJson(value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false;
  }
}
