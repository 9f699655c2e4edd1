// `npm run api`: writes what each entry of each package exports to etc/<package>[.<entry>].api.md, for review. With
// --check it writes nothing and fails when a report is not what is exported. Needs a build.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Extractor, ExtractorConfig } from "@microsoft/api-extractor";
import { ROOT, workspaces } from "./lib/workspaces.mjs";

const check = process.argv.includes("--check");
const etc = join(ROOT, "etc");
const work = mkdtempSync(join(tmpdir(), "aspen-api-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));

/** What the report itself should not be about: doc comments are read in the source, by people. */
const SILENT = { default: { logLevel: "none", addToApiReportFile: false } };

/** The report of one entry, as it should be. */
function reportOf({ folder, name, types, fileName }) {
  const configObject = {
    projectFolder: folder,
    mainEntryPointFilePath: join(folder, types),
    compiler: { tsconfigFilePath: join(folder, "tsconfig.declarations.json") },
    apiReport: {
      enabled: true,
      reportFileName: fileName,
      reportFolder: join(work, "reports"),
      reportTempFolder: join(work, "temp"),
      includeForgottenExports: false,
    },
    docModel: { enabled: false },
    dtsRollup: { enabled: false },
    tsdocMetadata: { enabled: false },
    newlineKind: "lf",
    messages: {
      compilerMessageReporting: { default: { logLevel: "error" } },
      extractorMessageReporting: SILENT,
      tsdocMessageReporting: SILENT,
    },
  };
  const problems = [];
  const { errorCount } = Extractor.invoke(
    ExtractorConfig.prepare({
      configObject,
      configObjectFullPath: undefined,
      packageJsonFullPath: join(folder, "package.json"),
    }),
    {
      localBuild: true,
      messageCallback: (message) => {
        if (message.logLevel === "error") problems.push(message.text);
        message.handled = true;
      },
    },
  );
  if (errorCount > 0) throw new Error(`${name}: its API cannot be read: ${problems.join("; ")}`);
  return readFileSync(join(work, "reports", `${fileName}.api.md`), "utf8");
}

const entries = workspaces(["packages"]).flatMap(({ folder, manifest }) =>
  Object.entries(manifest.exports)
    // What has no source is started as a process or thread, not imported.
    .filter(([, target]) => target["@aspen/source"])
    .map(([subpath, { types }]) => ({
      folder,
      name: join(manifest.name, subpath),
      types,
      fileName: [manifest.name.replace("@aspen/", ""), ...subpath.split("/").slice(1)].join("."),
    })),
);

mkdirSync(etc, { recursive: true });
mkdirSync(join(work, "reports"));
const reports = new Map(entries.map((entry) => [`${entry.fileName}.api.md`, reportOf(entry)]));
const problems = [];
for (const file of new Set([...reports.keys(), ...readdirSync(etc).filter((name) => name.endsWith(".api.md"))])) {
  const wanted = reports.get(file);
  const path = join(etc, file);
  if (wanted === readIfThere(path)) continue;
  if (check) problems.push(`etc/${file} is not what is exported; run \`npm run api\`, and review the difference`);
  else if (wanted === undefined) rmSync(path);
  else writeFileSync(path, wanted);
}

function readIfThere(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

for (const problem of problems) console.error(problem);
console.log(`API: ${reports.size} entries${check ? `, ${problems.length} of them with another report` : ""}`);
process.exitCode = problems.length === 0 ? 0 : 1;
