/**
 * The position of a stack frame, as reported by V8 or found in the text of the stack. Lines and columns count from 1.
 */
export interface CallSite {
  /** A `file:` URL or `node:...`. */
  file: string;
  line: number;
  column: number;
  name?: string;
  /** Start of the enclosing function. The source map has the function's source name at this position. */
  functionLine?: number | null;
  functionColumn?: number | null;
}

/**
 * The frames of an error's stack, the innermost first; empty if there is no stack. V8 calls `prepareStackTrace` when a
 * stack is read for the first time (https://v8.dev/docs/stack-trace-api). The text of a stack contains the error's
 * message, but its call sites do not.
 */
export function callSitesOf(error: Error): CallSite[] {
  const before = Error.prepareStackTrace;
  let sites: CallSite[] | undefined;
  Error.prepareStackTrace = (of, callSites) => {
    if (of === error) sites = callSites.flatMap(plainSite);
    return [of, ...callSites].join("\n    at ");
  };
  try {
    const text = error.stack ?? "";
    return sites ?? sitesInText(text, error.message);
  } finally {
    Error.prepareStackTrace = before as NonNullable<typeof before>;
  }
}

function plainSite(site: NodeJS.CallSite): CallSite[] {
  const [file, line, column] = [site.getFileName(), site.getLineNumber(), site.getColumnNumber()];
  if (!file || line === null || column === null) return [];
  const name = site.getFunctionName();
  const around = { functionLine: site.getEnclosingLineNumber(), functionColumn: site.getEnclosingColumnNumber() };
  return [{ file, line, column, ...around, ...(name && { name }) }];
}

/**
 * Finds frames in the text of a stack that was read before, because after that only the text is available. Only the
 * part after the message is searched, and only for positions. If the message has changed since, no frames are found, so
 * that no part of it can be mistaken for a position.
 */
function sitesInText(stack: string, message: string): CallSite[] {
  const start = stack.indexOf(message);
  if (start === -1) return [];
  const places = stack.slice(start + message.length).matchAll(/^ {4}at .*?((?:file|node):[^\s()]+):(\d+):(\d+)\)?$/gm);
  return [...places].map(([, file = "", line, column]) => ({ file, line: Number(line), column: Number(column) }));
}
