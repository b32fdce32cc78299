/** One operation of an admin API, as the ops server serves it. */
export interface AdminOperation {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  handle(request: AdminRequest): Promise<AdminReply>;
}

export interface AdminRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
}

export interface AdminReply {
  readonly status: number;
  readonly body: unknown;
}

/** One operation as it is asked of another process. */
export interface AdminCall {
  readonly method: AdminOperation['method'];
  readonly path: string;
  readonly request: AdminRequest;
}

/** Which operation: its method and path. */
export type AdminName = Pick<AdminOperation, 'method' | 'path'>;
