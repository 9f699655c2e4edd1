import { decodeStrictUtf8 } from "@aspen/plugin-api";
import { cliErrors } from "../errors.js";
import { parseJson, readInput } from "../input.js";

/** A payload as JSON: the argument itself, what the file behind `@` holds, or stdin for `-`; null without one. */
export async function readPayload(argument: string | undefined): Promise<unknown> {
  if (argument === undefined) return null;
  const path = argument === "-" ? "-" : argument.startsWith("@") ? argument.slice(1) : null;
  if (path === null) return parseJson("payload", argument);
  if (path === "") throw cliErrors.usage("name a file behind @, such as @payload.json");
  const bytes = await readInput(path);
  const name = path === "-" ? "stdin" : path;
  let text: string;
  try {
    text = decodeStrictUtf8(bytes);
  } catch {
    throw cliErrors.notJson(name, "it is not UTF-8");
  }
  return parseJson(name, text);
}
