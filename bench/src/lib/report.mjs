import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { markdownTable } from "markdown-table";

const RESULTS = new URL("../../RESULTS.md", import.meta.url);
const RECORDS = new URL("../../results/", import.meta.url);

/** Date and machine of a run. */
export function environment() {
  const [cpu] = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    cores: cpus().length,
    cpu: cpu?.model ?? "unknown",
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
  };
}

/**
 * Prints a report; with `save` also replaces its section in RESULTS.md and writes its JSON record.
 * @param {{name: string, tables: {title: string, head: string[], rows: string[][]}[], notes: string[], record: object, save: boolean}} report
 */
export function publish({ name, tables, notes, record, save }) {
  const about = environment();
  const text = [
    `## ${name}`,
    "",
    `${about.date}, ${about.cores} cores (${about.cpu}), Node ${about.node}, ${about.platform}. \`npm run bench -- ${name}\``,
    ...tables.flatMap(({ title, head, rows }) => ["", `### ${title}`, "", markdownTable([head, ...rows])]),
    "",
    "### Notes",
    "",
    ...notes.map((note) => `- ${note}`),
    "",
  ].join("\n");
  console.log(text);
  if (!save) return;
  mkdirSync(RECORDS, { recursive: true });
  writeFileSync(new URL(`${name}.json`, RECORDS), `${JSON.stringify({ name, ...about, ...record }, null, 2)}\n`);
  const before = readFileSync(RESULTS, "utf8");
  const start = before.indexOf(`## ${name}\n`);
  if (start < 0) return writeFileSync(RESULTS, `${before.trimEnd()}\n\n${text}`);
  const next = before.indexOf("\n## ", start);
  const rest = next < 0 ? "" : before.slice(next);
  writeFileSync(RESULTS, `${before.slice(0, start)}${text}${rest}`);
}

/** A number with about three digits. */
export function digits(value) {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** "0.15x (target ≤ 0.25x: met)". */
export function judged(ratio, most, unit = "x") {
  return `${digits(ratio)}${unit} (target ≤ ${most}${unit}: ${ratio <= most ? "met" : "missed"})`;
}

/** "0.85x (target ≥ 0.8x: met)". */
export function atLeast(ratio, least) {
  return `${digits(ratio)}x (target ≥ ${least}x: ${ratio >= least ? "met" : "missed"})`;
}
