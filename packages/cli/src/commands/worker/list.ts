import type { Command } from "commander";
import { addClientCommand } from "../../command.js";
import { jobSession } from "../../job/job-session.js";
import { dateText } from "../../job/job-text.js";
import { table } from "../../output.js";

export function addWorkerList(worker: Command): void {
  addClientCommand(worker, {
    usage: "list",
    description: "lists the pools of nodes and the workers elsewhere that run jobs",
    example: "worker list",
  }).action(async (_options: unknown, command: Command) => {
    const { client, output } = jobSession(command);
    const result = await client.call("worker.list", {});
    const rows = result.workers.map(({ name, running, concurrency, seenAt, types }) => [
      ...[name, `${running}/${concurrency}`, dateText(seenAt)],
      types.join(" "),
    ]);
    output.result(result, table(["NAME", "RUNNING", "SEEN", "TYPES"], rows));
  });
}
