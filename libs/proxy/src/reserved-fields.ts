/** Fields that speak between Tidegate's own tiers and its services (gateway/H5). Lower case. */
export const reservedFields = {
  token: 'x-tidegate-token',
  deadline: 'x-tidegate-deadline',
  principal: 'x-tidegate-principal',
  route: 'x-tidegate-route',
  egress: 'x-tidegate-egress',
  backend: 'x-tidegate-backend',
  config: 'x-tidegate-config',
} as const;

/** True for a name only Tidegate or its mesh may set. `name` in lower case. */
export function isReservedField(name: string): boolean {
  return name.startsWith('x-tidegate-') || name.startsWith('l5d-');
}
