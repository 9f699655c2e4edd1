import type { AspenErrorJson } from "@aspen/plugin-api";
import type { CompileInput, CompileResult } from "../compile.js";

/** What a build process is asked for. */
export type BuildTask =
  | (CompileInput & { type: "compile" })
  | (CompileInput & { type: "is-current"; outDirectory: string });

/** What each task answers with. */
export interface BuildResults {
  compile: CompileResult;
  "is-current": boolean;
}

/** An error on its way out: one of the catalogue, or a defect with its stack. */
export type BuildFailure = { aspen: AspenErrorJson } | { defect: { message: string; stack: string } };

/** From the thread that builds, through its process. */
export type FromBuild =
  | { type: "top-level" }
  | { type: "done"; result: BuildResults[BuildTask["type"]] }
  | { type: "failed"; error: BuildFailure }
  /** The thread ended by itself, because it had no memory left. */
  | { type: "died"; reason: string };
