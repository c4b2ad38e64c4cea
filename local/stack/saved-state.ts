/**
 * What outlives a stop of the local stack, beside its policy and its storage: the keys and the log of the vault, and what
 * Entra knows. Written every two seconds and at the end, so a stack that is killed loses the last two seconds at most.
 * Injected faults, shifted clocks and telemetry are not kept.
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
  /** Settings of the shared token cache, which hold its wrapped key. */
  sharedCache: Record<string, string>;
}

/** Raised when what is in the file changes its meaning; a file of another format is not read. */
const format = 1;
const everyMs = 2000;
const stateFile = "state.json";
const logFile = "vault-log.jsonl";
const previousPolicy = "policy.previous.json";
/** The documents that the app and its operators keep beside the policy are of the same policy. */
const ofEarlierStack =
  /^(storage|state\.json|vault-log\.jsonl|functions\.log|functions\.log\.1|policy\.[a-z-]+\.json)$/;

/** Undefined: there is none, or none that this version reads. */
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

/** A stack that was killed may leave half a line. */
function readLine(line: string): AuditEvent[] {
  try {
    return [JSON.parse(line) as AuditEvent];
  } catch {
    return [];
  }
}

/**
 * Starts from nothing: the files of an earlier stack are deleted. A policy that somebody has edited is kept as `policy.previous.json`.
 * Other files in the folder are not touched.
 */
export async function forgetState(folder: string): Promise<void> {
  const move = (from: string, to: string) => rename(join(folder, from), join(folder, to)).catch(() => undefined);
  await move("policy.json", previousPolicy);
  const names = await readdir(folder).catch(() => []);
  const gone = names.filter((name) => ofEarlierStack.test(name) && name !== previousPolicy);
  await Promise.all(gone.map((name) => rm(join(folder, name), { recursive: true })));
}

/** Keeps the state in the folder from now on; the function that it returns writes for the last time. */
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

/** Appends, unless somebody has emptied the log meanwhile. */
async function saveLog(file: string, log: readonly AuditEvent[], written: readonly AuditEvent[]) {
  const rows = [...log];
  const isContinued = written.length > 0 && rows[written.length - 1] === written.at(-1);
  const added = isContinued ? rows.slice(written.length) : rows;
  const text = added.map((row) => `${JSON.stringify(row)}\n`).join("");
  if (!isContinued) await replaceFile(file, text);
  else if (text !== "") await appendFile(file, text);
  return rows;
}

/** A crash in between leaves the old file. */
async function replaceFile(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
