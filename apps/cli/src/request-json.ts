import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';

/** One call of an HTTP API. */
export interface JsonRequest {
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Sent as a form when there. */
  readonly form?: Readonly<Record<string, string>> | undefined;
  /** Who is asked, for error texts. */
  readonly who: string;
  /** What to do when nobody answers. */
  readonly hint: string;
}

const timeoutMs = 15_000;

/** Calls an API and reads its JSON answer; anything but a 2xx ends the command with the API's own reason. */
export async function requestJson<T>({ url, headers, form, who, hint }: JsonRequest): Promise<T> {
  const response = await send(url, { headers, form, who, hint });
  const text = await response.text();
  const body = parseJson(text);
  if (response.ok && body !== undefined) return body as T;
  const reason = body === undefined ? '' : reasonOf(body);
  const exitCode = response.status >= 500 ? exitCodes.unavailable : exitCodes.failed;
  throw new CliError(`${who} answered ${response.status}${reason === '' ? '' : `: ${reason}`}`, exitCode);
}

async function send(url: URL, { headers, form, who, hint }: Omit<JsonRequest, 'url'>): Promise<Response> {
  try {
    const body = form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) };
    return await fetch(url, { ...body, headers: headers ?? {}, signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
    throw new CliError(`${who} does not answer at ${url.origin} (${cause?.code ?? (error as Error).name}); ${hint}`, exitCodes.unavailable, { cause: error });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The public text of a problem document (RFC 9457) or of an OAuth error (RFC 6749 5.2). */
function reasonOf(body: unknown): string {
  const { detail, title, error_description, error } = body as Record<string, unknown>;
  return [detail, error_description, title, error].find((one): one is string => typeof one === 'string') ?? '';
}
