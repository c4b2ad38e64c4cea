/** What is wrong, where, and how to mend it. */
export interface Finding {
  file: string;
  line: number;
  text: string;
}

export function printFinding({ file, line, text }: Finding): string {
  return `${file}:${line} ${text}`;
}
