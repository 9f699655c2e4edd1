import type { SyncKvReader, WorkerReader, WorkerReaderModule } from "@aspen/storage";

/** Opens the store's own reader in this thread. @throws Error that names the module */
export async function openReader({ module, data }: WorkerReader): Promise<SyncKvReader> {
  try {
    const { openWorkerReader }: Partial<WorkerReaderModule> = await import(module);
    if (typeof openWorkerReader !== "function") throw new Error("it has no function openWorkerReader");
    return await openWorkerReader(data);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`the store's reader ${module} cannot be opened: ${reason}`, { cause: error });
  }
}
