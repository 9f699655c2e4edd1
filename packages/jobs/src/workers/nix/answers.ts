import { z } from "zod";
import { nixErrors } from "./errors.js";

const storePath = z.string().regex(/^\/nix\/store\/[a-z0-9]{32}-[A-Za-z0-9+._?=-]{1,211}$/);
const bytes = z.int().min(0);

const built = z.array(z.object({ drvPath: storePath, outputs: z.record(z.string().max(256), storePath) })).length(1);
const info = z.array(z.object({ path: storePath, narHash: z.string().max(128), narSize: bytes, closureSize: bytes }));

/** What `nix build --json` says. @throws AspenError `JOB_FAILED` when it is anything else */
export const readBuilt = (text: string) => read(built, text)[0]!;
/** What `nix path-info --json --closure-size` says. @throws AspenError `JOB_FAILED` */
export const readInfo = (text: string) => read(info, text);

function read<T extends z.ZodType>(schema: T, text: string): z.output<T> {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw nixErrors.badAnswer(text);
  }
}
