import type { z } from "zod";

/** Most broken rules that one error lists; hostile input may break more than anyone would read. */
const MOST_PROBLEMS = 32;

/** A rule that a field breaks. */
export interface BrokenRule {
  field: string;
  rule: string;
}

/** What is wrong with a value, by field. `of` is what it is, `within` the field of its own that holds it. */
export function brokenRules(error: z.ZodError, of: string, within: readonly string[] = []): BrokenRule[] {
  const rules = error.issues.flatMap((issue): BrokenRule[] => {
    const path = [...within, ...issue.path];
    if (issue.code !== "unrecognized_keys") return [{ field: fieldPath(path), rule: issue.message }];
    return issue.keys.map((key) => ({
      field: fieldPath([...path, key.slice(0, 64)]),
      rule: `is not a field of ${of}`,
    }));
  });
  return rules.slice(0, MOST_PROBLEMS);
}

function fieldPath(path: readonly PropertyKey[]): string {
  let text = "";
  for (const part of path) text += typeof part === "number" ? `[${part}]` : `${text ? "." : ""}${String(part)}`;
  return text || "(root)";
}
