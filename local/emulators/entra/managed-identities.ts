/** The managed identities of the home tenant, found by any id that a token request may contain. */
export interface ManagedIdentity {
  clientId: string;
  objectId: string;
  name: string;
  /** App roles assigned to the identity, by the audience of the API: its GUID, or the URI of a Microsoft API. */
  appRoles?: Record<string, string[]> | undefined;
  /** Azure resource id of a user-assigned identity, for requests with `mi_res_id`. */
  resourceId?: string | undefined;
  /** Whether this identity answers requests that name no identity. */
  systemAssigned?: boolean | undefined;
}

export class ManagedIdentities {
  #byId = new Map<string, ManagedIdentity>();
  #systemAssigned: ManagedIdentity | undefined;

  register(given: ManagedIdentity): void {
    // A copy, because roles that are granted later belong to this registry only.
    const identity = { ...given };
    this.#byId.set(key("client_id", identity.clientId), identity);
    this.#byId.set(key("principal_id", identity.objectId), identity);
    if (identity.resourceId !== undefined) this.#byId.set(key("mi_res_id", identity.resourceId), identity);
    if (identity.systemAssigned) this.#systemAssigned = identity;
  }

  byClientId(clientId: string): ManagedIdentity | undefined {
    return this.#byId.get(key("client_id", clientId));
  }

  byObjectId(objectId: string): ManagedIdentity | undefined {
    return this.#byId.get(key("principal_id", objectId));
  }

  list(): ManagedIdentity[] {
    return [...new Set(this.#byId.values())];
  }

  /** Selects by the request's parameters. Without any id parameter, it is the system-assigned identity. */
  select(query: URLSearchParams): ManagedIdentity | undefined {
    for (const parameter of ["client_id", "principal_id", "mi_res_id"]) {
      const id = query.get(parameter);
      if (id !== null) return this.#byId.get(key(parameter, id));
    }
    return this.#systemAssigned;
  }
}

function key(kind: string, id: string): string {
  return `${kind} ${id.toLowerCase()}`;
}
