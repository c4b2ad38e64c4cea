/** A log file of bounded size. A full file replaces the previous one as `<name>.1`, and a new one begins. */
import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";

interface LogFile {
  write(text: string): void;
}

export function openLogFile(file: string, maxBytes: number): LogFile {
  let descriptor = openSync(file, "a");
  return {
    write(text) {
      const { size } = fstatSync(descriptor);
      if (size > 0 && size + Buffer.byteLength(text) > maxBytes) {
        closeSync(descriptor);
        renameSync(file, `${file}.1`);
        descriptor = openSync(file, "a");
      }
      writeSync(descriptor, text);
    },
  };
}
