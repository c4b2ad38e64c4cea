import type { Cloud } from "../domain/shared/cloud.ts";
import { type Guid, parseGuid } from "../domain/shared/guid.ts";

/** Reads the settings `Name` of one environment, each in the form that it must have. */
export type Reader<Name extends string> = ReturnType<typeof createReader<Name>>;

/**
 * A setting that is wrong is added to `problems`, with its name, the rule and the remedy and never its value; what is
 * returned for it is a stand-in that nothing may use. White space around a value does not count.
 */
export function createReader<Name extends string>(
  env: Readonly<Record<string, string | undefined>>,
  problems: string[],
) {
  const textOf = (name: Name): string => env[name]?.trim() ?? "";
  return {
    text: (name: Name, preset = ""): string => textOf(name) || preset,

    guid(name: Name, meaning: string): Guid {
      const id = parseGuid(textOf(name));
      if (id === undefined) problems.push(`${name} must be a GUID: set it to ${meaning}`);
      return id ?? ("" as Guid);
    },

    flag(name: Name, preset: boolean): boolean {
      const text = textOf(name);
      if (!["", "true", "false"].includes(text)) {
        problems.push(`${name} must be true or false: correct it, or remove it for ${preset}`);
      }
      return text ? text === "true" : preset;
    },

    /** A whole number. */
    count(name: Name, preset: number, least: number, most: number): number {
      const text = textOf(name);
      if (text === "") return preset;
      const value = /^[0-9]{1,12}$/.test(text) ? Number(text) : Number.NaN;
      if (value >= least && value <= most) return value;
      problems.push(`${name} must be a whole number from ${least} to ${most}: correct it, or remove it for ${preset}`);
      return preset;
    },

    /** `text`: the setting's, or what stands for it. */
    origin(name: Name, text: string | undefined, remedy: string): string {
      const url = URL.parse(String(text));
      if (url?.protocol === "https:" && url.href === `${url.origin}/`) return url.origin;
      problems.push(`${name} must be an https origin without a path: ${remedy}`);
      return "";
    },

    /** `path`: of the container, blob or table. */
    storageUrl(name: Name, cloud: Cloud, service: "blob" | "table", path: RegExp): string {
      const text = textOf(name);
      const url = URL.parse(text);
      const suffix = `.${service}${cloud.storageHostSuffix}`;
      // Nothing but origin and path: a query could hold a shared access signature, which is a secret.
      const isOurs = url?.hostname.endsWith(suffix) && text === `https://${url.hostname}${url.pathname}`;
      if (url && isOurs && path.test(url.pathname)) return text;
      const example =
        service === "table" ? "<table>" : name.endsWith("_CONTAINER_URL") ? "<container>" : "<container>/<blob>";
      problems.push(`${name} must be a storage URL of this cloud: set it to https://<account>${suffix}/${example}`);
      return "";
    },
  };
}
