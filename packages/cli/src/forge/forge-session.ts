import { AspenError } from "@aspen/plugin-api";
import type { ForgeMethods } from "@aspen/plugins-forge/client";
import type { RpcClient } from "@aspen/rpc-core/remote";
import { type Command, InvalidArgumentError } from "commander";
import { session } from "../command.js";
import type { Output } from "../output.js";

export type Repository = ForgeMethods["forge.repo.get"]["result"];

/** The session of a command for repositories; a node without the forge is told of in its words. */
export function forgeSession(command: Command): { client: RpcClient; output: Output } {
  const { client, output } = session(command);
  return {
    output,
    client: {
      async call(method, ...rest) {
        try {
          return await client.call(method, ...rest);
        } catch (error) {
          const known = AspenError.from(error);
          if (known.code !== "METHOD_NOT_FOUND") throw known;
          const advice = "the node hosts no repositories; start one with --forge, or configure its feature forge";
          throw new AspenError("FEATURE_OFF", advice, known.details, known);
        }
      },
    },
  };
}

/** `owner/name`, as a person writes it. @throws InvalidArgumentError */
export function repositoryName(text: string): { owner: string; name: string } {
  const [, owner, name] = /^([^/]+)\/([^/]+)$/.exec(text) ?? [];
  if (owner === undefined || name === undefined)
    throw new InvalidArgumentError("It must be OWNER/NAME, such as ada/site.");
  return { owner, name };
}
