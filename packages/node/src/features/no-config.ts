import { z } from "zod";

/** For features with nothing to set. */
export const noConfig = z.strictObject({});

export type NoConfig = z.output<typeof noConfig>;
