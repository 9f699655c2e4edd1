import type { Command } from "commander";
import { cliErrors } from "../errors.js";

export interface WhichFlags {
  type?: string;
  all?: boolean;
}

export function addWhichOptions(command: Command): Command {
  return command.option("--type <type>", "all of this type").option("--all", "all dead letters");
}

/** One by its id, those of a type, or all; which of them has to be said. */
export function whichOf(id: string | undefined, { type, all = false }: WhichFlags): { id?: string; type?: string } {
  const given = [id !== undefined, type !== undefined, all].filter(Boolean).length;
  if (given !== 1) throw cliErrors.usage("give either an id, --type or --all");
  return { ...(id === undefined ? {} : { id }), ...(type === undefined ? {} : { type }) };
}

/** Calls until there is nothing more; the number of jobs. A node works on so many with one call. */
export async function untilDone(work: () => Promise<{ done: number; more: boolean }>): Promise<number> {
  let sum = 0;
  for (;;) {
    const { done, more } = await work();
    sum += done;
    if (!more) return sum;
  }
}
