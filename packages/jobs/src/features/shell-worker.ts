import "reflect-metadata";
import { type Feature, given, NODE, POINTS } from "@aspen/feature";
import type { Logger } from "@aspen/plugin-api";
import { ContainerModule, type ServiceIdentifier } from "inversify";
import { z } from "zod";
import { shellMeter } from "../workers/shell/meter.js";
import { ShellWorker } from "../workers/shell/shell-worker.js";

export const SHELL = {
  worker: Symbol.for("@aspen/jobs ShellWorker") as ServiceIdentifier<ShellWorker>,
} as const;

const mebibytes = (least: number) => z.int().min(least).max(1_048_576).optional();

const configSchema = z.strictObject({
  jail: z
    .enum(["bwrap", "none"])
    .optional()
    .describe(
      "bwrap, or none: programs run as the node's user, with its files and its network, without limits; bwrap.",
    ),
  allowNetwork: z.boolean().optional().describe("Jobs that ask for it get the network of the machine; false."),
  limits: z
    .strictObject({
      memoryMiB: mebibytes(16).describe("MiB of memory of a job; 512."),
      processes: z.int().min(4).max(100_000).optional().describe("Processes and threads of a job at once; 128."),
      cpus: z.number().min(0.01).max(4096).optional().describe("Processors that a job may keep busy; 1."),
      cpuSeconds: z.int().min(1).max(604_800).optional().describe("Seconds of processor time of each process; 3,600."),
      fileMiB: mebibytes(1).describe("MiB of the largest file that a job may write; 1,024."),
      diskMiB: mebibytes(0).describe("MiB of all files in a job's folder, which lies in memory; 0: on the disk; 512."),
      tmpMiB: mebibytes(1).describe("MiB of a job's /tmp, and of its /dev/shm; 256."),
    })
    .optional()
    .describe("What one job may use."),
  readOnlyPaths: z.array(z.string()).max(100).optional().describe("Further paths of the machine that jobs see."),
  uid: z.int().min(1).max(4_294_967_294).optional().describe("User of the jobs of a node that runs as root; 65,534."),
  gid: z.int().min(1).max(4_294_967_294).optional().describe("Group of the jobs of a node that runs as root; 65,534."),
  workFolder: z.string().optional().describe("Where jobs have their folders; the system's for temporary files."),
});

/** `features.shell-worker` of a node's configuration. */
export type ShellWorkerConfig = z.output<typeof configSchema>;

/** Runs jobs of the type `shell` on this node. */
export const feature: Feature<ShellWorkerConfig> = {
  name: "shell-worker",
  requires: ["jobs"],
  config: configSchema,
  tools: ({ jail }) =>
    jail === "none"
      ? []
      : [
          {
            command: "bwrap",
            version: ">=0.8.0",
            purpose: "to run shell jobs in jails",
            install: "apt-get install bubblewrap; or set features.shell-worker.jail to none, which isolates nothing",
          },
          {
            command: "prlimit",
            purpose: "to bound what shell jobs use",
            install: "apt-get install util-linux",
          },
          {
            command: "unshare",
            purpose: "to bound the folders of shell jobs",
            install: "apt-get install util-linux",
          },
        ],
  module: ({ limits, ...rest }) =>
    new ContainerModule(({ bind }) => {
      bind(SHELL.worker)
        .toResolvedValue(
          (logger: Logger) => new ShellWorker({ ...given(rest), ...(limits ? { limits: given(limits) } : {}), logger }),
          [NODE.log],
        )
        .inSingletonScope();
      bind(POINTS.worker).toService(SHELL.worker);
      bind(POINTS.meter).toResolvedValue(shellMeter, [SHELL.worker]);
    }),
};
