import { chown, mkdir, mkdtemp, readdir, realpath, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { jobsErrors } from "../../errors.js";
import type { CgroupTree, JobCgroup } from "../../jail/cgroup/contract.js";
import { cgroupName, openCgroups } from "../../jail/cgroup/open-cgroups.js";
import type { RunnableJob } from "../../job.js";
import { JOB_LIMITS } from "../../options.js";
import type { JobContext, Worker } from "../../worker.js";
import { type SourceArchive, unpackSource } from "../source-archive.js";
import { readBuilt, readInfo } from "./answers.js";
import { BuildLog } from "./build-log.js";
import { nixErrors } from "./errors.js";
import { type NixOptions, NixProcess } from "./nix-process.js";
import { type NixWorkerOptions, type NormalNixOptions, normalNixOptions } from "./options.js";
import { NIX_LIMITS, type NixPayload, nixPayload } from "./payload.js";

/** Bytes of what nix says as JSON. */
const ANSWER_BYTES = 1024 * 1024;
/** Milliseconds after which a job's folder belongs to no job that runs, here or elsewhere. */
const LEFT_MS = JOB_LIMITS.timeoutMs + 86_400_000;
/** Milliseconds that nix has to show at the start that it can be run. */
const TRIAL_MS = 60_000;

/** One output of a build. */
export interface NixOutput {
  readonly name: string;
  readonly path: string;
  readonly narHash: string;
  /** Bytes of its NAR, and of those of all that it refers to with it. */
  readonly narSize: number;
  readonly closureSize: number;
  /** Hash of the blob with its NAR, when the job asks for it. */
  readonly nar?: string;
}

/** Result of a job of the type `nix`. */
export interface NixResult {
  readonly drvPath: string;
  readonly outputs: readonly NixOutput[];
}

type Nix = (args: readonly string[], onStderr?: (text: string) => void) => NixProcess;

/**
 * Builds with nix, without a daemon, in a store of its own. Each build runs in nix's sandbox, which is never dropped, and
 * nix itself in namespaces of its own, so that a kill ends every process of a build and an expression reads nothing of the
 * node.
 */
export class NixWorker implements Worker {
  readonly #options: NormalNixOptions;
  readonly #running = new Map<string, Promise<unknown>>();
  #cgroups: CgroupTree | null = null;

  /** @throws AspenError `INVALID_PARAMS` when an option is out of range */
  constructor(options: NixWorkerOptions) {
    this.#options = normalNixOptions(options);
  }

  jobTypes(): readonly string[] {
    return ["nix"];
  }

  payloadSchema(): typeof nixPayload {
    return nixPayload;
  }

  /** @throws AspenError `TOOL_MISSING` when nix cannot be run in namespaces of its own */
  async onStart(): Promise<void> {
    const { store, jobs, user } = this.#options;
    for (const folder of [store, jobs]) await mkdir(folder, { recursive: true, mode: 0o755 });
    if (user !== null) await chown(store, user, user);
    await removeOld(jobs);
    const { cgroups, why } = await openCgroups();
    this.#cgroups = cgroups;
    if (!cgroups) {
      this.#options.logger?.warn({}, `nix jobs run without control groups (${why}): their memory is not bounded`);
    }
    const folder = await this.#folder("trial");
    const said: string[] = [];
    try {
      const nix = this.#nix(folder, { network: false, groups: [], signal: AbortSignal.timeout(TRIAL_MS) });
      const { status } = await nix(["store", "ping"], (text) => said.push(text)).text(ANSWER_BYTES);
      if (status !== 0) throw new Error(said.join("").trim());
    } catch (error) {
      throw nixErrors.unusable(error instanceof Error ? error.message : String(error));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async execute(job: RunnableJob, context: JobContext): Promise<NixResult> {
    const work = this.#execute(job, context);
    this.#running.set(job.id, work);
    try {
      return await work;
    } finally {
      this.#running.delete(job.id);
    }
  }

  /** The signal kills it already; this waits until it is gone. */
  async kill(jobId: string): Promise<void> {
    await this.#running.get(jobId)?.catch(() => undefined);
  }

  async #execute(job: RunnableJob, context: JobContext): Promise<NixResult> {
    const { signal, blobs } = context;
    const payload = job.payload as NixPayload;
    if (!payload.offline && !this.#options.network) throw nixErrors.networkRefused();
    const source =
      "source" in payload && typeof payload.source === "string" ? await this.#allowed(payload.source) : undefined;
    const folder = await this.#folder(job.id);
    const group = (await this.#cgroups?.create(cgroupName(), this.#options.limits)) ?? null;
    try {
      const what = await this.#prepare(payload, folder, context);
      const nix = this.#nix(folder, { network: !payload.offline, groups: group?.folders ?? [], signal, source });
      const { drvPath, outputs } = await this.#build(nix, what, context, group);
      const names = Object.entries(outputs);
      if (names.length > NIX_LIMITS.outputs) throw nixErrors.tooMany(names.length, NIX_LIMITS.outputs);
      const info = readInfo(
        await ask(nix, ["path-info", "--json", "--closure-size", ...Object.values(outputs)], signal),
      );
      const found: NixOutput[] = [];
      for (const [name, path] of names) {
        const about = info.find((it) => it.path === path);
        if (!about) throw nixErrors.badAnswer(`nothing of ${path}`);
        const nar = payload.nar ? { nar: await dump(nix, about, payload.maxNarBytes, { blobs, signal }) } : {};
        found.push({ name, ...about, ...nar });
      }
      return { drvPath, outputs: found };
    } finally {
      await group?.remove();
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Writes what is to be built; gives the arguments that name it. */
  async #prepare(payload: NixPayload, folder: string, context: JobContext): Promise<string[]> {
    const { attribute } = payload;
    if ("expression" in payload) {
      await writeFile(join(folder, "expression.nix"), payload.expression);
      return ["--file", "/job/expression.nix", ...(attribute === "" ? [] : [attribute])];
    }
    const suffix = attribute === "" ? "" : `#${attribute}`;
    if ("source" in payload && typeof payload.source === "string") {
      return [`path:/source${suffix}`, "--no-write-lock-file"];
    }
    const { user } = this.#options;
    const flake = join(folder, "flake");
    await mkdir(flake);
    if ("source" in payload) {
      const owner = user === null ? null : { uid: user, gid: user };
      await unpackSource(payload.source as SourceArchive, { folder: flake, owner }, context);
    } else {
      for (const [path, text] of Object.entries(payload.flake)) {
        const file = join(flake, path);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, text);
      }
    }
    if (user !== null) await chown(flake, user, user);
    return [`path:/job/flake${suffix}`, "--no-write-lock-file"];
  }

  async #build(nix: Nix, what: readonly string[], { log, signal }: JobContext, group: JobCgroup | null) {
    const build = new BuildLog(log);
    const process = nix(["build", ...what, "--no-link", "--json"], (text) => build.write(text));
    const { status, text } = await process.text(ANSWER_BYTES);
    build.end();
    signal.throwIfAborted();
    if (status === 0) return readBuilt(text);
    if (await group?.outOfMemory()) {
      throw jobsErrors.limitExceeded("memory", "limits.memoryMiB of the worker", { tail: build.tail });
    }
    if (!build.building) throw nixErrors.evaluation(build.problem);
    throw nixErrors.failed(status ?? -1, build.problem, build.tail);
  }

  /** @throws AspenError `PERMISSION_DENIED` when no folder of the configuration has it */
  async #allowed(path: string): Promise<string> {
    const real = await realpath(path).catch(() => null);
    const roots = await Promise.all(this.#options.sources.map((root) => realpath(root).catch(() => null)));
    const inside =
      real !== null && roots.some((root) => root !== null && (real === root || real.startsWith(root + sep)));
    if (!inside) throw nixErrors.sourceRefused(path);
    return real;
  }

  /** A folder for one job, of whoever runs nix. */
  async #folder(name: string): Promise<string> {
    const { jobs, user } = this.#options;
    const folder = await mkdtemp(join(jobs, `${name}-`));
    await mkdir(join(folder, "home"));
    if (user !== null) for (const it of [folder, join(folder, "home")]) await chown(it, user, user);
    return folder;
  }

  #nix(job: string, more: Pick<NixOptions, "network" | "groups" | "signal" | "source">): Nix {
    return (args, onStderr = () => undefined) => new NixProcess(args, { ...this.#options, ...more, job, onStderr });
  }
}

/** Removes the folders of jobs that were killed with their node. */
async function removeOld(jobs: string): Promise<void> {
  const oldest = Date.now() - LEFT_MS;
  for (const name of await readdir(jobs)) {
    const path = join(jobs, name);
    const about = await stat(path).catch(() => null);
    if (about && about.mtimeMs < oldest) await rm(path, { recursive: true, force: true });
  }
}

/** What nix answers. @throws AspenError `JOB_FAILED` when it does not */
async function ask(nix: Nix, args: readonly string[], signal: AbortSignal): Promise<string> {
  let said = "";
  const process = nix(args, (text) => {
    said = (said + text).slice(-1024);
  });
  const { status, text } = await process.text(ANSWER_BYTES);
  signal.throwIfAborted();
  if (status !== 0) throw nixErrors.badAnswer(said);
  return text;
}

/** Puts the NAR of a path into the blob store; gives its hash. */
async function dump(
  nix: Nix,
  { path, narSize }: { path: string; narSize: number },
  most: number,
  { blobs, signal }: Pick<JobContext, "blobs" | "signal">,
): Promise<string> {
  if (narSize > most) throw nixErrors.narTooLarge(path, narSize, most);
  const process = nix(["store", "dump-path", path]);
  let bytes = 0;
  async function* bounded(): AsyncGenerator<Uint8Array> {
    for await (const chunk of process.stdout) {
      bytes += chunk.length;
      if (bytes > most) throw nixErrors.narTooLarge(path, bytes, most);
      yield chunk;
    }
    const status = await process.ended;
    signal.throwIfAborted();
    // What was put so far is no NAR.
    if (status !== 0 || bytes !== narSize) throw nixErrors.badAnswer(`${bytes} of ${narSize} bytes of ${path}`);
  }
  try {
    return await blobs.put(bounded());
  } finally {
    process.kill();
    await process.ended;
  }
}
