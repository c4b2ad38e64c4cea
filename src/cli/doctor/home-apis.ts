import { ApplicationDirectoryError } from "../../domain/credentials/ports.ts";
import type { Guid } from "../../domain/shared/guid.ts";
import { type Check, green, grey, red } from "./check.ts";
import type { DoctorPorts } from "./ports.ts";

/**
 * Checks that each API of `homeApis` is registered in the home tenant. The id alone does not distinguish it from an
 * application of another tenant, such as Microsoft's.
 */
export function homeApiChecks(ports: DoctorPorts): Check[] {
  return [...(ports.policy?.homeApis ?? [])].map((id) => ownerCheck(id, ports));
}

function ownerCheck(id: Guid, { config, ownerOf }: DoctorPorts): Check {
  return {
    id: `home-api/${id}`,
    title: `the API ${id} of homeApis belongs to the home tenant`,
    async run() {
      let owner: Guid | undefined;
      try {
        owner = await ownerOf(id);
      } catch (error) {
        if (!(error instanceof ApplicationDirectoryError)) throw error;
        return grey(`the directory could not be read (${error.code}): this needs Application.Read.All`);
      }
      if (owner === config.homeTenantId) return green("its appOwnerOrganizationId is the home tenant");
      return red(
        owner === undefined ? "the home tenant has no service principal of it" : `its owner is the tenant ${owner}`,
        "a token for another owner's API in the home tenant may give access to the application's credentials, or to the vault",
        "list only application ids of APIs that the home tenant registered itself in homeApis",
      );
    },
  };
}
