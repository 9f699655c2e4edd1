import { AspenError, errorStatus } from "@aspen/plugin-api";
import { RemoteError } from "@aspen/rpc-core/remote";
import stringWidth from "string-width";
import { describeDetails } from "./details.js";

/** Where a command writes: results to stdout, everything else to stderr. */
export class Output {
  constructor(readonly json: boolean) {}

  /** The result: one line of JSON with --json, else the text for people. */
  result(value: unknown, text: string): void {
    process.stdout.write(this.json ? `${JSON.stringify(value)}\n` : `${text}\n`);
  }

  /** Bytes as they are, for pipes. */
  bytes(bytes: Uint8Array): void {
    process.stdout.write(bytes);
  }

  /** What happens on the way; silent with --json. */
  note(text: string): void {
    if (!this.json) process.stderr.write(`${text}\n`);
  }
}

/** Writes an error to stderr; returns the exit status of its code. */
export function writeError(thrown: unknown, json: boolean): number {
  const error = AspenError.from(thrown);
  const requestId = error instanceof RemoteError ? error.requestId : undefined;
  process.stderr.write(
    json
      ? `${JSON.stringify({ error: { ...error.toJSON(), ...(requestId ? { requestId } : {}) } })}\n`
      : [`error ${error.code}: ${error.message}`, ...remoteDetails(error)]
          .map((line) => `${printable(line)}\n`)
          .join(""),
  );
  return errorStatus(error).exit;
}

/** The details that a node sent along; an error of the command itself says everything in its message. */
function remoteDetails(error: AspenError): string[] {
  if (!(error instanceof RemoteError) || !error.details) return [];
  return describeDetails(error.details, error.message).map((line) => `  ${line}`);
}

/** Text from elsewhere without what could steer a terminal. */
export function printable(text: string): string {
  return text.replace(/[^\P{C}\n\t]/gu, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

/** `1 key`, `2 keys`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Columns padded to the widest cell, as wide as a terminal shows it. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows.map((row) => row.map((cell) => printable(cell).replaceAll(/\s+/g, " ")))];
  const widths = head.map((_, column) => Math.max(...all.map((row) => stringWidth(row[column] ?? ""))));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell + " ".repeat(widths[column]! - stringWidth(cell)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
