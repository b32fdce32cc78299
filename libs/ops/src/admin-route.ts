/** What an admin route is given: parsed, not trusted. */
export interface AdminRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** What it answers: a JSON body. */
export interface AdminReply {
  readonly status: number;
  readonly body: unknown;
}

/** One operation of an app's admin API on its ops port; takes the admin token. */
export interface AdminRoute {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Fastify path, e.g. /breakers/:service. */
  readonly path: string;
  handle(request: AdminRequest): Promise<AdminReply>;
}
