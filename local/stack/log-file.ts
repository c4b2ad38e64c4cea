/** A log file of bounded size: when it is full it becomes `<name>.1`, in place of the one before, and a new one begins. */
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
