import { Command } from "commander";
import { addAuditCommand } from "./commands/audit/index.js";
import { addBlobCommands } from "./commands/blob/index.js";
import { addClusterCommands } from "./commands/cluster/index.js";
import { addCompletion } from "./commands/completion.js";
import { addConfigCommands } from "./commands/config/index.js";
import { addDoctor } from "./commands/doctor.js";
import { addForgeCommands } from "./commands/forge/index.js";
import { addJobCommands } from "./commands/job/index.js";
import { addKvCommands } from "./commands/kv/index.js";
import { addNodeCommands } from "./commands/node/index.js";
import { addPluginCommands } from "./commands/plugin/index.js";
import { addRpcCommands } from "./commands/rpc/index.js";
import { addServiceCommands } from "./commands/service/index.js";
import { addStoreCommands } from "./commands/store/index.js";
import { addTokenCommands } from "./commands/token/index.js";
import { addTop } from "./commands/top.js";
import { addWorkerCommands } from "./commands/worker/index.js";
import { addGlobalOptions } from "./global-options.js";

/** Variables of the environment that stand for an option; an empty one counts as unset. */
const VARIABLES = [
  ...["ASPEN_CONFIG", "ASPEN_DATA_DIR", "ASPEN_DNS", "ASPEN_LISTEN", "ASPEN_LOG_LEVEL"],
  ...["ASPEN_NODE", "ASPEN_REDIS_URL", "ASPEN_TOKEN", "ASPEN_SOCKET"],
  ...["ASPEN_TLS_CERT", "ASPEN_TLS_KEY", "ASPEN_TLS_CLIENT_CA"],
  ...["ASPEN_CA", "ASPEN_CLIENT_CERT", "ASPEN_CLIENT_KEY"],
];

/** The whole `aspen` command. */
export function createProgram(version: string): Command {
  const program = new Command("aspen")
    .description("Runs an Aspen node and talks to one.")
    .version(version)
    .exitOverride()
    // Errors are written in one place, with their code.
    .configureOutput({ outputError: () => {} })
    .addHelpText("after", "\nExample:\n  $ aspen node start --data-dir ./data");
  for (const name of VARIABLES) {
    if (process.env[name] === "") delete process.env[name];
  }
  addGlobalOptions(program);
  addNodeCommands(program);
  addConfigCommands(program);
  addDoctor(program);
  addClusterCommands(program);
  addPluginCommands(program);
  addTop(program);
  addRpcCommands(program);
  addKvCommands(program);
  addBlobCommands(program);
  addJobCommands(program);
  addWorkerCommands(program);
  addServiceCommands(program);
  addForgeCommands(program);
  addStoreCommands(program);
  addTokenCommands(program);
  addAuditCommand(program);
  addCompletion(program);
  return program;
}
