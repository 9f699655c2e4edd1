import type { Command } from "commander";
import { addClientCommand, session } from "../../command.js";
import { table } from "../../output.js";

export function addClusterNodes(cluster: Command): void {
  addClientCommand(cluster, {
    usage: "nodes",
    description: "lists the nodes that share a store, and what they serve",
    example: "cluster nodes --serving forge.repo.create",
  })
    .option("--serving <method>", "only those that serve this method")
    .action(async ({ serving }: { serving?: string }, command: Command) => {
      const { client, output } = session(command);
      const result = await client.call("cluster.nodes", serving === undefined ? {} : { serving });
      const rows = result.nodes.map(
        ({ id, self, address, version, state, healthy, load, methods, features, jobTypes }) => [
          self ? `${id} (asked)` : id,
          address ?? "-",
          version,
          healthy ? state : "silent",
          String(load),
          String(methods.length),
          features.join(" "),
          jobTypes.length === 0 ? "-" : jobTypes.join(" "),
        ],
      );
      output.result(
        result,
        table(["NODE", "ADDRESS", "VERSION", "STATE", "LOAD", "METHODS", "FEATURES", "JOBS"], rows),
      );
    });
}
