/**
 * The state that is kept when the local stack stops, in addition to its policy and its storage: the keys and the log of
 * the vault, and Entra's directory. It is written every two seconds and at the end, so a stack that is killed loses at
 * most the last two seconds. Injected faults, shifted clocks and telemetry are not kept.
 */
import { appendFile, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SavedEntra } from "../emulators/entra/state.ts";
import type { AuditEvent } from "../emulators/key-vault/audit-log.ts";
import type { KeyVersion } from "../emulators/key-vault/key-store.ts";
import { fromTaggedJson, toTaggedJson } from "./tagged-json.ts";

export interface SavedState {
  vaultKeys: KeyVersion[];
  entra: SavedEntra;
  /** Settings of the shared token cache, including its wrapped key. */
  sharedCache: Record<string, string>;
}

/** Increased when the content of the file changes its meaning. A file of another format is not read. */
const format = 1;
const everyMs = 2000;
const stateFile = "state.json";
const logFile = "vault-log.jsonl";
const previousPolicy = "policy.previous.json";
/** Files of an earlier stack, with the documents beside its policy: they are about that policy. */
const ofEarlierStack =
  /^(storage|state\.json|vault-log\.jsonl|functions\.log|functions\.log\.1|policy\.[a-z-]+\.json)$/;

/** Undefined if there is none, or none that this version can read. */
export async function readState(folder: string): Promise<(SavedState & { vaultLog: AuditEvent[] }) | undefined> {
  try {
    const saved = fromTaggedJson(await readFile(join(folder, stateFile), "utf8")) as SavedState & { format: number };
    if (saved.format !== format) return undefined;
    const lines = (await readFile(join(folder, logFile), "utf8").catch(() => "")).split("\n");
    return { ...saved, vaultLog: lines.flatMap(readLine) };
  } catch {
    return undefined;
  }
}

/** A killed stack may leave an incomplete line. */
function readLine(line: string): AuditEvent[] {
  try {
    return [JSON.parse(line) as AuditEvent];
  } catch {
    return [];
  }
}

/**
 * Starts with no data: the files of an earlier stack are deleted. An edited policy is kept as `policy.previous.json`.
 * Other files in the folder are not touched.
 */
export async function forgetState(folder: string): Promise<void> {
  const move = (from: string, to: string) => rename(join(folder, from), join(folder, to)).catch(() => undefined);
  await move("policy.json", previousPolicy);
  const names = await readdir(folder).catch(() => []);
  const gone = names.filter((name) => ofEarlierStack.test(name) && name !== previousPolicy);
  await Promise.all(gone.map((name) => rm(join(folder, name), { recursive: true })));
}

/** Keeps the state in the folder from now on. The returned function writes for the last time. */
export function keepState(
  folder: string,
  read: () => SavedState,
  vaultLog: readonly AuditEvent[],
): () => Promise<void> {
  let written = "";
  let writtenRows: readonly AuditEvent[] = [];
  const save = async () => {
    const state = toTaggedJson({ format, ...read() });
    if (state !== written) await replaceFile(join(folder, stateFile), state);
    written = state;
    writtenRows = await saveLog(join(folder, logFile), vaultLog, writtenRows);
  };
  let saving = Promise.resolve();
  const saveNext = () => {
    saving = saving.then(save).catch((error: unknown) => console.error(`the local state is not saved: ${error}`));
    return saving;
  };
  const timer = setInterval(saveNext, everyMs).unref();
  return () => {
    clearInterval(timer);
    return saveNext();
  };
}

/** Appends the new rows, or rewrites the file if the log was emptied in the meantime. */
async function saveLog(file: string, log: readonly AuditEvent[], written: readonly AuditEvent[]) {
  const rows = [...log];
  const isContinued = written.length > 0 && rows[written.length - 1] === written.at(-1);
  const added = isContinued ? rows.slice(written.length) : rows;
  const text = added.map((row) => `${JSON.stringify(row)}\n`).join("");
  if (!isContinued) await replaceFile(file, text);
  else if (text !== "") await appendFile(file, text);
  return rows;
}

/** After a crash in between, the old file is still complete. */
async function replaceFile(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
