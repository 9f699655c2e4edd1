/**
 * The parts of a Standard Schema (version 1, https://standardschema.dev) that validation and types need. zod, valibot,
 * arktype and others implement it.
 */
export interface StandardSchema<Output = unknown, Input = unknown> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    /** For types alone. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What may be given to a schema. */
export type InputOf<Schema extends StandardSchema> =
  Schema extends StandardSchema<unknown, infer Input> ? Input : never;
/** What a schema makes of it. */
export type OutputOf<Schema extends StandardSchema> = Schema extends StandardSchema<infer Output> ? Output : never;

export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

export interface StandardIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** `a.b[2]`; `(root)` for the value itself. */
export function issueField(issue: StandardIssue): string {
  let text = "";
  for (const segment of issue.path ?? []) {
    const key = typeof segment === "object" ? segment.key : segment;
    text += typeof key === "number" ? `[${key}]` : `${text ? "." : ""}${String(key)}`;
  }
  return text || "(root)";
}
