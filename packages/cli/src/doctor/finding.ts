/** `problem`: something does not work, or data may be lost. `warning`: nothing is lost, yet somebody should look. */
export type FindingState = "ok" | "warning" | "problem";

/** What one check found. */
export interface Finding {
  /** What was looked at: `node.js`, `configuration`, `redis`, `data-dir`, `disk`, `clock`, `tools`, `node`, `plugins`. */
  check: string;
  state: FindingState;
  message: string;
  /** What to do; of everything that is not ok. */
  fix?: string;
}

export const ok = (check: string, message: string): Finding => ({ check, state: "ok", message });
export const warning = (check: string, message: string, fix: string): Finding => ({
  ...{ check, message, fix },
  state: "warning",
});
export const problem = (check: string, message: string, fix: string): Finding => ({
  ...{ check, message, fix },
  state: "problem",
});
