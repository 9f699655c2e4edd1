import { errorStatus } from "@aspen/plugin-api";
import type { Finding } from "@aspen/storage/maintenance";
import type { Command } from "commander";
import { cliErrors } from "../../errors.js";
import { counted, printable } from "../../output.js";
import { addStoreCommand, withStore } from "../../store/store-command.js";

/** Findings that --json lists; the counts are of all. */
const LISTED = 10_000;

interface Report {
  /** True when no damage remains. */
  ok: boolean;
  /** Damage that remains. */
  remaining: number;
  repaired: number;
  /** Number of findings of each kind. */
  counts: Record<string, number>;
  findings: Finding[];
  /** True when there are more findings than are listed. */
  truncated: boolean;
}

export function addStoreVerify(store: Command): void {
  addStoreCommand(store, {
    usage: "verify",
    description: "checks indexes, versions and expiries against the rows, and every blob against its hash",
    example: "store verify --data-dir ./data --repair",
  })
    .option("--repair", "mend what can be mended without losing data")
    .option("--remove-damaged", "with --repair: also remove corrupt blobs and rows that cannot be read")
    .action(async (flags: { repair?: boolean; removeDamaged?: boolean }, command: Command) => {
      const { repair = false, removeDamaged = false } = flags;
      if (removeDamaged && !repair) throw cliErrors.usage("--remove-damaged needs --repair");
      const { verifyStore } = await import("@aspen/storage/maintenance");
      const report: Report = { ok: true, remaining: 0, repaired: 0, counts: {}, findings: [], truncated: false };
      await withStore(command, {}, async ({ store, output, progress, options }) => {
        for await (const finding of verifyStore(store, { ...options, repair, removeDamaged })) {
          add(report, finding);
          if (output.json) continue;
          progress.pause();
          output.result(null, describe(finding, repair));
        }
        progress.end();
        if (output.json || report.remaining === 0) output.result(report, summary(report));
      });
      if (report.ok) return;
      if (!command.opts<{ json?: boolean }>().json) throw cliErrors.inconsistent(report.remaining, repair);
      process.exitCode = errorStatus({ code: "STORE_INCONSISTENT" }).exit;
    });
}

function add(report: Report, finding: Finding): void {
  report.counts[finding.kind] = (report.counts[finding.kind] ?? 0) + 1;
  if (finding.repaired) report.repaired += 1;
  else if (finding.severity === "damage") report.remaining += 1;
  report.ok = report.remaining === 0;
  if (report.findings.length < LISTED) report.findings.push(finding);
  else report.truncated = true;
}

function describe({ kind, severity, subject, problem, remedy, repaired }: Finding, repair: boolean): string {
  const done = repaired ? "repaired" : repair ? "not repaired" : "a repair";
  return `${severity} ${kind} ${printable(JSON.stringify(subject))}: ${problem}; ${done}: ${remedy}`;
}

function summary({ counts, repaired }: Report): string {
  const found = Object.values(counts).reduce((sum, count) => sum + count, 0);
  if (found === 0) return "nothing is wrong";
  return `nothing is wrong any more: ${counted(found, "finding")}, ${repaired} of them repaired, the rest harmless`;
}
