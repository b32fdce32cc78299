/** One thing readiness depends on. */
export interface HealthCheck {
  readonly name: string;
  readonly ok: boolean;
  /** Why it is not ok; public to whoever reaches the ops port. */
  readonly reason?: string;
}

/** What a process may say of itself on /readyz: ready when it was told so and every check is ok. */
export class HealthState {
  readonly #checks = new Map<string, HealthCheck>();

  /** Sets one check; the reason stays for the report. */
  set(name: string, ok: boolean, reason?: string): void {
    this.#checks.set(name, reason === undefined || ok ? { name, ok } : { name, ok, reason });
  }

  remove(name: string): void {
    this.#checks.delete(name);
  }

  /** True when at least one check is known and none fails. */
  get isReady(): boolean {
    for (const check of this.#checks.values()) if (!check.ok) return false;
    return this.#checks.size > 0;
  }

  toReport(): { readonly ready: boolean; readonly checks: readonly HealthCheck[] } {
    return { ready: this.isReady, checks: [...this.#checks.values()].sort((a, b) => (a.name < b.name ? -1 : 1)) };
  }
}
