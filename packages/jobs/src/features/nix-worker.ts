import "reflect-metadata";
import { isAbsolute } from "node:path";
import { type Feature, given, NODE, POINTS } from "@aspen/feature";
import type { Logger } from "@aspen/plugin-api";
import { ContainerModule } from "inversify";
import { z } from "zod";
import { NixWorker } from "../workers/nix/nix-worker.js";

const path = z.string().max(4096).refine(isAbsolute, "must be an absolute path");
const word = z
  .string()
  .max(4096)
  .regex(/^[^\s-]\S*$/, "must be one word");
const words = z.array(word).max(100).optional();

const configSchema = z.strictObject({
  directory: path.describe("Folder for the store of nix and for the jobs under way."),
  sandboxPaths: words.describe("What builders see beside the store: /bin/sh=/bin/busybox; nothing."),
  sources: z.array(path).max(100).optional().describe("Folders whose flakes jobs may build; none."),
  network: z.boolean().optional().describe("Jobs may ask for the network; false."),
  substituters: words.describe("URLs of binary caches, for jobs with the network; none."),
  trustedKeys: words.describe("Public keys of those who sign what the caches have; none."),
  cores: z.int().min(0).max(1024).optional().describe("Processors of one build, 0 for all; 1."),
  tmpBytes: z
    .int()
    .min(1024 * 1024)
    .optional()
    .describe("Bytes of memory that the files of a build outside of the store may take; 1 GiB."),
  limits: z
    .strictObject({
      memoryMiB: z.int().min(64).max(1_048_576).optional().describe("MiB of memory of a job; 4,096."),
      processes: z.int().min(16).max(100_000).optional().describe("Processes and threads of a job at once; 2,048."),
      cpus: z.number().min(0.01).max(4096).optional().describe("Processors that a job may keep busy; all."),
    })
    .optional()
    .describe("What one job may use, where the node may make control groups."),
  user: z
    .int()
    .min(1)
    .max(2 ** 31 - 1)
    .optional()
    .describe("Number of the user and group that run nix when the node is root; 65,534."),
});

/** `features.nix-worker` of a node's configuration. */
export type NixWorkerConfig = z.output<typeof configSchema>;

/** Runs jobs of the type `nix`. */
export const feature: Feature<NixWorkerConfig> = {
  name: "nix-worker",
  requires: ["jobs"],
  config: configSchema,
  tools: () => [
    { command: "nix", version: ">=2.8", purpose: "to build", install: "apt-get install nix-bin" },
    { command: "unshare", version: ">=2.38", purpose: "to keep builds apart", install: "apt-get install util-linux" },
    {
      command: "setpriv",
      version: ">=2.38",
      purpose: "to end builds with the node",
      install: "apt-get install util-linux",
    },
  ],
  module: ({ directory, ...options }) =>
    new ContainerModule(({ bind }) => {
      bind(POINTS.worker)
        .toResolvedValue((logger: Logger) => new NixWorker({ directory, ...given(options), logger }), [NODE.log])
        .inSingletonScope();
    }),
};
