/** Where lines go: the process's own output. */
export interface LineOutput {
  write(text: string): unknown;
}

/**
 * Collects the lines of one turn of the event loop and writes them at once: output to a pipe is synchronous, and one
 * write for each request was a tenth of all work. What is collected when the process ends is written by `flush`.
 */
export function createLineWriter(output: LineOutput): { write(line: string): void; flush(): void } {
  let lines: string[] = [];
  const flush = () => {
    if (lines.length === 0) return;
    const text = `${lines.join("\n")}\n`;
    lines = [];
    output.write(text);
  };
  return {
    write(line) {
      if (lines.length === 0) setImmediate(flush);
      lines.push(line);
    },
    flush,
  };
}
