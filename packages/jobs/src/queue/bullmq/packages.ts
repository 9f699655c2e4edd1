import { jobsErrors } from "../../errors.js";

/** Loaded on demand: whoever has another engine need not install it. @throws AspenError `PACKAGE_MISSING` */
export async function loadBullMq(): Promise<typeof import("bullmq")> {
  try {
    return await import("bullmq");
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw error;
    throw jobsErrors.bullMqMissing(error);
  }
}
