import { findNodeAtLocation, type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import { isMap, isScalar, LineCounter, parseDocument } from "yaml";

/** The text of a configuration file, read. */
export interface ParsedConfig {
  value: unknown;
  /** The line on which the field stands, from 1; null when nobody knows. */
  lineOf(path: readonly string[]): number | null;
}

/** A syntax error, with the line that it is on. */
export class ConfigSyntaxError extends Error {
  constructor(
    message: string,
    readonly line: number | null,
  ) {
    super(message);
  }
}

/** JSON as RFC 8259 has it, a byte-order mark aside. @throws ConfigSyntaxError */
export function parseJsonConfig(given: string): ParsedConfig {
  const text = given.replace(/^\uFEFF/, "");
  const errors: ParseError[] = [];
  // JSON.parse of Node 20 does not say where it failed, and no parser of JSON's own says where a field stands.
  const root = parseTree(text, errors, { disallowComments: true, allowTrailingComma: false });
  const [error] = errors;
  if (error) throw new ConfigSyntaxError(words(printParseErrorCode(error.error)), lineAt(text, error.offset));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ConfigSyntaxError((error as Error).message, null);
  }
  return {
    value,
    lineOf: (path) => {
      const node = root && findNodeAtLocation(root, segments(root, path));
      return node ? lineAt(text, (node.parent?.type === "property" ? node.parent : node).offset) : null;
    },
  };
}

/** YAML 1.2, of which an alias counts a hundred times at most. @throws ConfigSyntaxError */
export function parseYamlConfig(text: string): ParsedConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error) throw new ConfigSyntaxError(error.message, lines.linePos(error.pos[0]).line);
  let value: unknown;
  try {
    // A file of comments alone sets nothing.
    value = document.toJS() ?? {};
  } catch (error) {
    throw new ConfigSyntaxError((error as Error).message, null);
  }
  return {
    value,
    lineOf: (path) => {
      const parent = path.length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents;
      const pair = isMap(parent)
        ? parent.items.find(({ key }) => isScalar(key) && String(key.value) === path.at(-1))
        : null;
      const node = (pair?.key ?? document.getIn(path, true)) as { range?: readonly number[] | null } | undefined;
      const start = node?.range?.[0];
      return start === undefined ? null : lines.linePos(start).line;
    },
  };
}

/** An index of an array is a number for the parser. */
function segments(root: Node, path: readonly string[]): (string | number)[] {
  let node: Node | undefined = root;
  return path.map((name) => {
    const segment = node?.type === "array" ? Number(name) : name;
    node = node && findNodeAtLocation(node, [segment]);
    return segment;
  });
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}

/** `CommaExpected` as `comma expected`. */
function words(code: string): string {
  return code.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
}
