import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { entering } from "../../jail/cgroup/enter.js";
import { inNamespace, type NamespaceOptions } from "./namespace.js";

/** What nix may read of the environment: nothing of the node's. */
const ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/job/home",
  USER: "nix",
};

export interface NixOptions extends NamespaceOptions {
  /** What builders see beside the store: `/bin/sh=/bin/busybox`. */
  readonly sandboxPaths: readonly string[];
  readonly substituters: readonly string[];
  readonly trustedKeys: readonly string[];
  /** Processors of one build. */
  readonly cores: number;
  /** Folders of the control group that it runs in; none for no group. */
  readonly groups: readonly string[];
  signal: AbortSignal;
  onStderr(text: string): void;
}

/** One run of nix. */
export class NixProcess {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  /** Resolves with its status, or null when it was killed. */
  readonly ended: Promise<number | null>;

  /** Starts it. The signal kills it, and all that it has started. */
  constructor(args: readonly string[], options: NixOptions) {
    const { network, signal, onStderr } = options;
    const settings: Record<string, string> = {
      "build-users-group": "",
      sandbox: "true",
      "sandbox-fallback": "false",
      "sandbox-paths": options.sandboxPaths.join(" "),
      substitute: String(network),
      substituters: network ? options.substituters.join(" ") : "",
      "trusted-public-keys": options.trustedKeys.join(" "),
      cores: String(options.cores),
      "max-jobs": "1",
      "flake-registry": "",
    };
    const command = [
      ...["nix", "--extra-experimental-features", "nix-command flakes", "--store", "/store"],
      ...["--log-format", "internal-json", ...(network ? [] : ["--offline"])],
      ...Object.entries(settings).flatMap(([name, value]) => ["--option", name, value]),
      ...args,
    ];
    const all = entering(options.groups, inNamespace(command, options));
    this.#child = spawn("sh", all, { stdio: ["ignore", "pipe", "pipe"], env: ENVIRONMENT, cwd: "/" });
    const decoder = new StringDecoder("utf8");
    this.#child.stderr.on("data", (bytes: Buffer) => onStderr(decoder.write(bytes)));
    const kill = () => this.#child.kill("SIGKILL");
    signal.addEventListener("abort", kill, { once: true });
    if (signal.aborted) kill();
    this.ended = new Promise<number | null>((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", (status) => resolve(status));
    }).finally(() => signal.removeEventListener("abort", kill));
    // Whoever reads its output first hears of the failure later.
    this.ended.catch(() => undefined);
  }

  get stdout(): AsyncIterable<Buffer> {
    return this.#child.stdout;
  }

  /** All that it wrote, at most `limit` bytes; one that writes more is killed. */
  async text(limit: number): Promise<{ status: number | null; text: string }> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of this.stdout) {
      bytes += chunk.length;
      if (bytes <= limit) chunks.push(chunk);
      else this.#child.kill("SIGKILL");
    }
    return { status: await this.ended, text: Buffer.concat(chunks).toString("utf8") };
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
