/** Attributes a gateway sends with every check; templates of policies may use them without a default (limiter/P11). */
export const gatewayAttributes = ['client', 'client.kind', 'address', 'fingerprint', 'route', 'resource', 'method', 'plan', 'auth'] as const;

/** One of their names. */
export type GatewayAttribute = (typeof gatewayAttributes)[number];

/** Longest name, and longest value, of an attribute in bytes of UTF-8 (limiter/P10). */
export const attributeBytesMax = 256;
