import type { Progress } from "@aspen/storage/maintenance";
import cliProgress from "cli-progress";
import { formatBytes } from "../format-bytes.js";

/** Milliseconds between two lines where no bar can be drawn. */
const LINE_INTERVAL_MS = 5000;

export interface ProgressDisplayOptions {
  /** Where it is drawn. */
  stream: NodeJS.WritableStream & { isTTY?: boolean };
  /** Show nothing. @default false */
  silent?: boolean;
}

/** How far a work has come: a bar on a terminal, a line from time to time anywhere else. */
export class ProgressDisplay {
  #bar: cliProgress.SingleBar | null = null;
  #phase: string | null = null;
  #lineAt = 0;

  constructor(private readonly options: ProgressDisplayOptions) {}

  show(progress: Progress): void {
    if (this.options.silent) return;
    if (this.options.stream.isTTY) this.#draw(progress);
    else this.#line(progress);
  }

  /** Makes room for a line of text. */
  pause(): void {
    this.#bar?.stop();
    this.#bar = null;
  }

  end(): void {
    this.pause();
    this.#phase = null;
  }

  #draw(progress: Progress): void {
    const total = Math.max(progress.total ?? progress.done, progress.done);
    if (this.#bar && this.#phase !== progress.phase) this.pause();
    this.#phase = progress.phase;
    const payload = { phase: progress.phase, amount: amount(progress) };
    if (!this.#bar) {
      this.#bar = new cliProgress.SingleBar(
        {
          stream: this.options.stream,
          format: "{phase} {bar} {percentage}% {amount}",
          clearOnComplete: true,
          hideCursor: true,
          gracefulExit: false,
          fps: 10,
        },
        cliProgress.Presets.shades_classic,
      );
      this.#bar.start(total, progress.done, payload);
    }
    this.#bar.setTotal(total);
    this.#bar.update(progress.done, payload);
  }

  #line(progress: Progress): void {
    const now = performance.now();
    if (progress.phase === this.#phase && now - this.#lineAt < LINE_INTERVAL_MS) return;
    this.#phase = progress.phase;
    this.#lineAt = now;
    this.options.stream.write(`${progress.phase}: ${amount(progress)}\n`);
  }
}

function amount({ done, total, unit }: Progress): string {
  const text = (value: number) => (unit === "bytes" ? formatBytes(value) : String(value));
  const all = total === null ? text(done) : `${text(done)} of ${text(total)}`;
  return unit === "bytes" ? all : `${all} ${unit}`;
}
