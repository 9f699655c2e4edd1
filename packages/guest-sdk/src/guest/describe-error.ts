/** Describes a thrown value. The value may be hostile: every read of it can throw, and its causes can be a circle. */
import { missingHint } from "./absent.js";

/** Most errors in one description: an error, its causes and their inner errors. */
const ERRORS = 8;
/** Characters of all of them; a log record has room for 8,192. */
const TOLD_MAX = 5000;
const MESSAGE_MAX = 2048;
/** Characters of one error's stack. */
const STACK_MAX = 1500;
const VALUE_MAX = 1024;

/** An error as JSON, in a log record. */
export interface DescribedError {
  name: string;
  message: string;
  code?: string | number;
  details?: unknown;
  stack?: string;
  cause?: unknown;
  errors?: unknown[];
}

interface Budget {
  left: number;
  room: number;
  readonly told: Set<unknown>;
}

/** `undefined` when the read throws. */
export function read(target: object, key: string): unknown {
  try {
    return (target as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

export function isError(value: unknown): value is Error {
  try {
    return value instanceof Error;
  } catch {
    // A proxy that refuses to tell its prototype.
    return false;
  }
}

export function textOf(value: unknown, most: number): string {
  try {
    return String(value ?? "").slice(0, most);
  } catch {
    return "";
  }
}

/** Name and message of an error, as `String(error)` has them. */
export function headline(error: Error): string {
  const message = messageOf(error, MESSAGE_MAX);
  const name = nameOf(error);
  return message ? `${name}: ${message}` : name;
}

export function nameOf(error: Error): string {
  return textOf(read(error, "name"), 128) || "Error";
}

export function messageOf(error: Error, most: number): string {
  const message = textOf(read(error, "message"), most);
  return nameOf(error) === "ReferenceError" ? message + missingHint(message) : message;
}

/** A thrown value that is not an error, in a few words. */
export function describeValue(value: unknown): string {
  if (value === null) return "a null";
  if (typeof value === "string") return JSON.stringify(value.slice(0, VALUE_MAX));
  if (typeof value === "object") return shortJson(value) ?? "an object that cannot be read";
  return typeof value === "function" || value === undefined ? `a ${typeof value}` : textOf(value, VALUE_MAX);
}

/** JSON leaves an error empty and refuses a big number. */
function inShort(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  return isError(value) ? headline(value) : value;
}

function shortJson(value: object): string | undefined {
  try {
    return JSON.stringify(value, inShort)?.slice(0, VALUE_MAX);
  } catch {
    return undefined;
  }
}

/** An error with its causes and inner errors, bounded. */
export function describeError(error: Error, budget: Budget = newBudget()): DescribedError {
  budget.left -= 1;
  budget.told.add(error);
  const described: DescribedError = { name: nameOf(error), message: taken(messageOf(error, MESSAGE_MAX), budget) };
  const code = read(error, "code");
  if (typeof code === "string" || typeof code === "number") described.code = textOf(code, 64);
  const details = read(error, "details");
  if (typeof details === "object" && details !== null) {
    const json = shortJson(details);
    if (json !== undefined) described.details = taken(json, budget) === json && isWhole(json) ? JSON.parse(json) : json;
  }
  const stack = taken(textOf(read(error, "stack"), STACK_MAX), budget);
  if (stack) described.stack = stack;
  const cause = read(error, "cause");
  if (cause !== undefined) described.cause = behind(cause, budget);
  const errors = innerErrors(error);
  if (errors.length > 0) described.errors = told(errors, budget);
  return described;
}

function newBudget(): Budget {
  return { left: ERRORS, room: TOLD_MAX, told: new Set() };
}

/** As much of a text as there is room for. */
function taken(text: string, budget: Budget): string {
  const part = text.slice(0, budget.room);
  budget.room -= part.length;
  return part;
}

function isWhole(json: string): boolean {
  return json.length < VALUE_MAX;
}

function told(errors: readonly unknown[], budget: Budget): unknown[] {
  const out: unknown[] = [];
  for (const error of errors) {
    if (budget.left <= 0) return [...out, `and ${errors.length - out.length} more`];
    out.push(behind(error, budget));
  }
  return out;
}

function behind(value: unknown, budget: Budget): unknown {
  if (!isError(value)) return taken(describeValue(value), budget);
  if (budget.told.has(value)) return `${headline(value).slice(0, 128)} (told above)`;
  return budget.left > 0 ? describeError(value, budget) : headline(value).slice(0, 128);
}

/**
 * The inner errors of an AggregateError. Those of a SuppressedError are the one that was thrown last and the one that
 * it hides.
 */
function innerErrors(error: Error): readonly unknown[] {
  const errors = read(error, "errors");
  if (Array.isArray(errors)) return errors;
  return nameOf(error) === "SuppressedError" ? [read(error, "error"), read(error, "suppressed")] : [];
}

/** The causes and inner errors of an error as lines; empty when there are none. */
export function causesOf(error: Error): string {
  return lines(describeError(error), "").join("\n");
}

/** An error with its stack, its causes and inner errors, for people. */
export function errorText(error: Error): string {
  const described = describeError(error);
  const head = [headline(error), ...(described.stack ? [described.stack.trimEnd()] : [])];
  return [...head, ...lines(described, "  ")].join("\n");
}

function lines({ cause, errors = [] }: DescribedError, indent: string): string[] {
  const out: string[] = [];
  const tell = (label: string, value: unknown) => {
    if (typeof value === "string") {
      out.push(`${indent}[${label}]: ${value}`);
      return;
    }
    const { name, message, code, stack, ...rest } = value as DescribedError;
    out.push(`${indent}[${label}]: ${name}: ${message}${code === undefined ? "" : ` (${code})`}`);
    if (stack)
      out.push(
        ...stack
          .trimEnd()
          .split("\n")
          .map((line) => indent + line),
      );
    out.push(...lines({ name, message, ...rest }, `${indent}  `));
  };
  if (cause !== undefined) tell("cause", cause);
  for (const [at, error] of errors.entries()) tell(`error ${at + 1}`, error);
  return out;
}
