import { AspenError } from "@aspen/plugin-api";
import type { RpcClient } from "@aspen/rpc-core/remote";
import type { Command } from "commander";
import { session } from "../command.js";
import type { Output } from "../output.js";

/** The node and the output of a command on jobs. A node without them is told apart from a wrong method. */
export function jobSession(command: Command): { client: RpcClient; output: Output } {
  const { client, output } = session(command);
  return {
    output,
    client: {
      async call(method, ...rest) {
        try {
          return await client.call(method, ...rest);
        } catch (thrown) {
          const error = AspenError.from(thrown);
          if (error.code !== "METHOD_NOT_FOUND") throw error;
          const advice = "the node keeps no jobs; start one with --jobs, or configure its feature jobs";
          throw new AspenError(error.code, `${error.message}: ${advice}`, error.details, error);
        }
      },
    },
  };
}
