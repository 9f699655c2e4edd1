import { type AnyNode, type Options, parse } from "acorn";
import { ancestor, base, simple } from "acorn-walk";
import { type Loader, transform } from "esbuild";

const OPTIONS: Options = {
  ecmaVersion: "latest",
  sourceType: "module",
  allowReturnOutsideFunction: true,
  allowAwaitOutsideFunction: true,
  allowHashBang: true,
  allowImportExportEverywhere: true,
};

/**
 * True when a source is prepared for the absence of a module: each `require(specifier)` and `import(specifier)` stands
 * in a `try` that has a `catch`, or in a branch that depends on a `typeof`. Such code runs in a plugin as it does in a
 * browser.
 */
export async function isGuarded(source: Uint8Array, loader: Loader, specifier: string): Promise<boolean> {
  // Types and JSX are not JavaScript yet.
  const { code } = await transform(source, { loader, logLevel: "silent", target: "esnext" });
  const program = parsed(code);
  const environment = environmentNames(program);
  const guarded: boolean[] = [];
  const visit = (node: AnyNode, ancestors: readonly AnyNode[]) => {
    if (requested(node) === specifier) guarded.push(inTry(ancestors) || underTypeof(ancestors, environment));
  };
  ancestor(program, {
    CallExpression: (node, _state, ancestors) => visit(node, ancestors as AnyNode[]),
    ImportExpression: (node, _state, ancestors) => visit(node, ancestors as AnyNode[]),
  });
  return guarded.length > 0 && guarded.every((it) => it);
}

function parsed(code: string): AnyNode {
  try {
    return parse(code, OPTIONS);
  } catch (error) {
    // Sloppy code, which only a script may have.
    if (error instanceof SyntaxError) return parse(code, { ...OPTIONS, sourceType: "script" });
    throw error;
  }
}

/** What `require("…")` or `import("…")` asks for; null for any other call. */
function requested(node: AnyNode): unknown {
  let argument: AnyNode | undefined;
  if (node.type === "ImportExpression") argument = node.source;
  if (node.type === "CallExpression" && node.callee.type === "Identifier" && node.callee.name === "require") {
    argument = node.arguments[0];
  }
  return argument?.type === "Literal" ? argument.value : null;
}

/** Whether an error of the innermost node is caught. A function in the `try` may be called outside of it. */
function inTry(ancestors: readonly AnyNode[]): boolean {
  for (let at = ancestors.length - 1; at > 0; at -= 1) {
    const parent = ancestors[at - 1]!;
    if (/Function/.test(ancestors[at]!.type)) return false;
    if (parent.type === "TryStatement" && parent.handler && parent.block === ancestors[at]) return true;
  }
  return false;
}

/** Whether the innermost node runs only after a test of what the environment has. */
function underTypeof(ancestors: readonly AnyNode[], environment: ReadonlySet<string>): boolean {
  return ancestors.some((node, at) => {
    const child = ancestors[at + 1];
    if (node.type === "IfStatement" || node.type === "ConditionalExpression") {
      return child !== node.test && asksEnvironment(node.test, environment);
    }
    return node.type === "LogicalExpression" && child === node.right && asksEnvironment(node.left, environment);
  });
}

/** Variables that hold the result of a `typeof`, as in `const isNode = typeof process === "object"`. */
function environmentNames(program: AnyNode): ReadonlySet<string> {
  const values: [name: string, value: AnyNode][] = [];
  simple(program, {
    VariableDeclarator({ id, init }) {
      if (id.type === "Identifier" && init) values.push([id.name, init]);
    },
    AssignmentExpression({ left, right }) {
      if (left.type === "Identifier") values.push([left.name, right]);
    },
  });
  const names = new Set<string>();
  let before = -1;
  while (names.size > before) {
    before = names.size;
    for (const [name, value] of values) if (asksEnvironment(value, names)) names.add(name);
  }
  return names;
}

/** The test itself, without what a function in it does. */
const OUTSIDE_FUNCTIONS = { ...base, Function: () => undefined };

function asksEnvironment(expression: AnyNode, names: ReadonlySet<string>): boolean {
  let asks = false;
  simple(
    expression,
    {
      UnaryExpression({ operator }) {
        asks ||= operator === "typeof";
      },
      Identifier({ name }) {
        asks ||= names.has(name);
      },
    },
    OUTSIDE_FUNCTIONS,
  );
  return asks;
}
