import type { StandardIssue, StandardSchema } from "@aspen/rpc-core";

/** What the schema makes of a payload, or what is wrong with it, the end of a sentence. */
export async function checkPayload(
  schema: StandardSchema,
  payload: unknown,
): Promise<{ problem: string; value?: undefined } | { problem: null; value: unknown }> {
  const result = await schema["~standard"].validate(payload);
  if (!result.issues) return { problem: null, value: result.value };
  return { problem: `is not what its type asks for: ${result.issues.slice(0, 5).map(described).join("; ")}` };
}

function described({ message, path = [] }: StandardIssue): string {
  const segments = path.map((segment) => String(typeof segment === "object" ? segment.key : segment));
  return segments.length > 0 ? `${segments.join(".")}: ${message}` : message;
}
