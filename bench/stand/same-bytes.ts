/**
 * The route of the function that reads and answers as many bytes as the token endpoint. The token endpoint's route has
 * the same shape.
 */
export const sameBytesRoute = "{tenantId}/same/v2.0/bytes";
export const sameBytesPath = "/10000000-0000-4000-8000-000000000001/same/v2.0/bytes";
