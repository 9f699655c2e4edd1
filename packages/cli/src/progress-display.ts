import cliProgress from "cli-progress";

/** Milliseconds between two lines where no bar can be drawn. */
const LINE_INTERVAL_MS = 5000;

export interface ProgressDisplayOptions {
  /** Where it is drawn. */
  stream: NodeJS.WritableStream & { isTTY?: boolean };
  /** Show nothing. @default false */
  silent?: boolean;
}

/** How far a work has come. */
export interface ShownProgress {
  /** What it does now, in a word or two. */
  phase: string;
  done: number;
  /** Null when nobody knows. */
  total: number | null;
  /** The same for people. */
  amount: string;
}

/** Shows how far a work has come: a bar on a terminal, a line from time to time anywhere else. */
export class ProgressDisplay {
  #bar: cliProgress.SingleBar | null = null;
  #phase: string | null = null;
  #lineAt = 0;

  constructor(private readonly options: ProgressDisplayOptions) {}

  show(progress: ShownProgress): void {
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

  #draw(progress: ShownProgress): void {
    const total = Math.max(progress.total ?? progress.done, progress.done);
    if (this.#bar && this.#phase !== progress.phase) this.pause();
    this.#phase = progress.phase;
    const payload = { phase: progress.phase, amount: progress.amount };
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

  #line(progress: ShownProgress): void {
    const now = performance.now();
    if (progress.phase === this.#phase && now - this.#lineAt < LINE_INTERVAL_MS) return;
    this.#phase = progress.phase;
    this.#lineAt = now;
    this.options.stream.write(`${progress.phase}: ${progress.amount}\n`);
  }
}
