import { toProblem, type Fault } from '@tidegate/fault';
import { fieldValue, type Exchange, type Fields, type ResponseSink } from '@tidegate/pipeline';

/** What an answer for a fault needs to know of its request. */
export interface ProblemTarget {
  readonly response: ResponseSink;
  readonly requestId: string;
  /** The request speaks gRPC: the answer is trailers-only. */
  readonly isGrpc: boolean;
}

/**
 * Answers an exchange with a fault (gateway/H13): application/problem+json, or gRPC's trailers-only form.
 * @param fields added to the answer, e.g. rate-limit fields
 */
export function sendProblem(exchange: Exchange, fault: Fault, fields: readonly string[] = []): void {
  const contentType = fieldValue(exchange.head.fields, 'content-type');
  const isGrpc = contentType !== undefined && contentType.startsWith('application/grpc');
  answerFault({ response: exchange.response, requestId: exchange.requestId, isGrpc }, fault, fields);
}

/** The same for a request that never became an exchange. */
export function answerFault(target: ProblemTarget, fault: Fault, fields: readonly string[] = []): void {
  const { response, requestId } = target;
  const own: Fields = ['x-request-id', requestId, ...(fault.details.fields ?? []), ...fields];
  if (target.isGrpc) {
    const message = encodeURIComponent(fault.details.detail ?? fault.row.detail).replaceAll('%20', ' ');
    own.push('content-type', 'application/grpc', 'grpc-status', String(fault.row.grpcStatus), 'grpc-message', message);
    response.start({ status: 200, fields: own });
    response.end();
    return;
  }
  const body = buildProblemBody(fault, requestId);
  own.push('content-type', 'application/problem+json', 'content-length', String(body.length));
  response.start({ status: fault.status, fields: own });
  response.write(body);
  response.end();
}

/** The problem document in bytes. */
export function buildProblemBody(fault: Fault, requestId: string): Buffer {
  return Buffer.from(JSON.stringify(toProblem(fault, requestId)));
}
