import { AspenError, isServing } from "@aspen/plugin-api";
import type { ResultOf } from "@aspen/rpc-core/remote";
import { type Finding, ok, problem, warning } from "./finding.js";
import type { DoctorOptions } from "./options.js";

type Plugin = ResultOf<"plugin.list">["plugins"][number];

/** Whether the node answers, and how its plugins are. */
export async function checkRunningNode({ client, url, named }: DoctorOptions["node"]): Promise<Finding[]> {
  try {
    const { pid, nodeVersion, safeMode, store, features } = await client.call("node.info");
    const about = `${url} answers: process ${pid}, Node.js ${nodeVersion}, store ${store}`;
    const node = safeMode
      ? warning(
          "node",
          `${about}; it runs in safe mode, without its plugins`,
          "start it without --safe-mode when it is mended",
        )
      : ok("node", about);
    if (!features.plugins) return [node];
    const { plugins, unreadable } = await client.call("plugin.list");
    return [node, ...checkPlugins(plugins, safeMode), ...unreadable.map(unreadablePlugin)];
  } catch (thrown) {
    const { code, message } = AspenError.from(thrown);
    if (code !== "NODE_UNREACHABLE") {
      return [problem("node", `${url}: ${code}: ${message}`, "look at the log of the node")];
    }
    const about = `no node answers at ${url}: ${message}`;
    const fix = "start it (aspen node start), or name the one that runs with --node";
    return [named ? problem("node", about, fix) : warning("node", about, fix)];
  }
}

function checkPlugins(plugins: readonly Plugin[], safeMode: boolean): Finding[] {
  const wanted = plugins.filter(({ enabled }) => enabled);
  const trouble = safeMode ? [] : wanted.filter(({ state }) => state === "failed" || state === "degraded");
  if (trouble.length > 0) return trouble.map(troubledPlugin);
  const serving = wanted.filter(({ state }) => isServing(state)).length;
  return [ok("plugins", `${serving} of ${wanted.length} enabled plugins serve`)];
}

function troubledPlugin({ name, version, state, error }: Plugin): Finding {
  const why = error ? `: ${error.code}: ${error.message}` : "";
  return problem(
    "plugins",
    `the plugin ${name} ${version} is ${state}${why}`,
    `\`aspen plugin logs ${name}\` shows what it said; then \`aspen plugin reload ${name}\`, or install another version with --update`,
  );
}

function unreadablePlugin({ name, message }: { name: string; message: string }): Finding {
  const fix = `install it anew (aspen plugin install --update), or remove it (aspen plugin remove ${name})`;
  return problem("plugins", `the record of the plugin ${name} cannot be read: ${message}`, fix);
}
