/** Which instances of which client groups have a stream here; with other replicas' counts, the size a client divides by (limiter/C4). */
export class ClientGroups {
  readonly #streams = new Map<string, Map<string, number>>();
  readonly #seen = new Map<string, number>();

  join(group: string, instance: string): void {
    const instances = this.#streams.get(group) ?? new Map<string, number>();
    this.#streams.set(group, instances);
    instances.set(instance, (instances.get(instance) ?? 0) + 1);
  }

  leave(group: string, instance: string): void {
    const instances = this.#streams.get(group);
    if (instances === undefined) return;
    const left = (instances.get(instance) ?? 0) - 1;
    if (left > 0) instances.set(instance, left);
    else instances.delete(instance);
    if (instances.size > 0) return;
    this.#streams.delete(group);
    this.#seen.delete(group);
  }

  /** Live instances of the group over all replicas, as far as known here. */
  sizeOf(group: string): number {
    return Math.max(1, this.#streams.get(group)?.size ?? 0, this.#seen.get(group) ?? 0);
  }

  /** Groups with a stream here and their instances. */
  entries(): [group: string, instances: string[]][] {
    return [...this.#streams].map(([group, instances]) => [group, [...instances.keys()]]);
  }

  /** What all replicas together see of a group. */
  saw(group: string, size: number): void {
    if (this.#streams.has(group)) this.#seen.set(group, size);
  }

  /** Streams open here. */
  get streams(): number {
    let count = 0;
    for (const instances of this.#streams.values()) for (const streams of instances.values()) count += streams;
    return count;
  }
}
