import { forgeErrors } from "../errors.js";
import { FORGE_LIMITS } from "../limits.js";
import type { Author } from "./author.js";
import { ZERO_ID } from "./ref-name.js";
import { isRefPattern, refPatternMatches } from "./ref-pattern.js";

/** What holds for the refs that a pattern covers. */
export interface PolicyRule {
  /** A full ref name such as `refs/heads/main`; `*` stands for a part of one segment, a final `/**` for all below. */
  pattern: string;
  /** Whether a push may drop commits that the ref has. @default false */
  force?: boolean;
  /** Whether the ref may be deleted. @default false */
  delete?: boolean;
  /** Whether a ref may be moved once it is there; for tags that stay what they are. @default true */
  update?: boolean;
  /** Callers who may push, as `kind:id`, such as `token:f3kZqv1hQxk4Vb2a`. @default whoever may write to the repository */
  pushers?: string[];
  /** Contexts whose status must be `success` on the commit that is pushed. @default none */
  requiredStatuses?: string[];
}

/** What may be pushed to a repository. A ref that several rules cover obeys all of them; one that none covers is free. */
export interface Policy {
  rules: PolicyRule[];
}

/** A change of one ref: `before` and `after` are ids of objects, `ZERO_ID` for none. */
export interface RefCommand {
  readonly ref: string;
  readonly before: string;
  readonly after: string;
}

/** What a decision rests on, beside the policy. */
export interface PushFacts {
  readonly author: Author;
  /** True when `after` has all commits of `before`. Asked for commands that change a ref which a rule covers. */
  isFastForward(command: RefCommand): boolean;
  /** Contexts whose status on a commit is `success`. */
  passed(commit: string): ReadonlySet<string>;
}

/** Why a command is refused, in words for the person who pushes; null when it is allowed. Reads nothing but its arguments. */
export function decide({ rules }: Policy, command: RefCommand, facts: PushFacts): string | null {
  for (const rule of rules) {
    if (!refPatternMatches(rule.pattern, command.ref)) continue;
    const refusal = refusalBy(rule, command, facts);
    if (refusal !== null) return `protected by ${rule.pattern}: ${refusal}`;
  }
  return null;
}

/** True when a rule covers the ref. */
export function isProtected({ rules }: Policy, ref: string): boolean {
  return rules.some(({ pattern }) => refPatternMatches(pattern, ref));
}

/** Contexts that must have passed before a commit may become what the ref names. */
export function statusesRequired({ rules }: Policy, ref: string): string[] {
  return rules.flatMap((rule) => (refPatternMatches(rule.pattern, ref) ? (rule.requiredStatuses ?? []) : []));
}

function refusalBy(rule: PolicyRule, command: RefCommand, { author, isFastForward, passed }: PushFacts): string | null {
  const { before, after } = command;
  if (rule.pushers && !rule.pushers.includes(`${author.kind}:${author.id}`))
    return "you are not among those who may push";
  if (after === ZERO_ID) return rule.delete ? null : "it cannot be deleted";
  if (before !== ZERO_ID) {
    if (rule.update === false) return "it cannot be moved";
    if (!rule.force && !isFastForward(command)) return "not a fast-forward; fetch and merge first";
  }
  const missing = (rule.requiredStatuses ?? []).find((context) => !passed(after).has(context));
  return missing === undefined ? null : `the status ${JSON.stringify(missing)} of ${after.slice(0, 12)} is not success`;
}

const FIELDS = new Set(["pattern", "force", "delete", "update", "pushers", "requiredStatuses"]);

/** A policy as somebody sent it, with its own fields alone. @throws AspenError `INVALID_PARAMS` */
export function parsePolicy(value: unknown): Policy {
  const { rules } = (value ?? {}) as { rules?: unknown };
  if (!Array.isArray(rules)) throw forgeErrors.invalid("policy.rules", "must be a list of rules");
  if (rules.length > FORGE_LIMITS.policyRules) throw forgeErrors.full("rules of a policy", FORGE_LIMITS.policyRules);
  return { rules: rules.map((rule, at) => parseRule(`policy.rules.${at}`, rule)) };
}

function parseRule(field: string, value: unknown): PolicyRule {
  if (typeof value !== "object" || value === null) throw forgeErrors.invalid(field, "must be an object");
  const rule = value as Record<string, unknown>;
  const unknown = Object.keys(rule).find((name) => !FIELDS.has(name));
  if (unknown !== undefined) throw forgeErrors.invalid(`${field}.${unknown.slice(0, 64)}`, "is no field of a rule");
  if (!isRefPattern(rule.pattern)) {
    throw forgeErrors.invalid(
      `${field}.pattern`,
      'must be a pattern of refs, such as "refs/heads/main" or "refs/tags/**"',
    );
  }
  for (const name of ["force", "delete", "update"]) {
    if (rule[name] !== undefined && typeof rule[name] !== "boolean") {
      throw forgeErrors.invalid(`${field}.${name}`, "must be true or false");
    }
  }
  for (const name of ["pushers", "requiredStatuses"]) {
    if (rule[name] !== undefined && !isNames(rule[name])) {
      throw forgeErrors.invalid(`${field}.${name}`, `must be a list of at most ${FORGE_LIMITS.ruleNames} names`);
    }
  }
  return { ...rule } as unknown as PolicyRule;
}

function isNames(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length <= FORGE_LIMITS.ruleNames &&
    value.every((name) => typeof name === "string" && name.length >= 1 && name.length <= 128)
  );
}
