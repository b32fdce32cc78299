import { Event, type RequestEvent, type StageLatencies } from '@tidegate/grpc';
import type { WireWriter } from './wire-writer.js';

/** Tags are `field << 3 | wire type`; field numbers are those of proto/tidegate/events/v1. */
const eventTag = (3 << 3) | 2;
const requestTag = (6 << 3) | 2;
const stagesTag = (25 << 3) | 2;

const emptyEnvelope = { id: '', atUs: 0, app: '', instance: '', configVersion: '' };

/** Writes one event as an item of a batch. Throws TypeError when a text of it is no string. */
export function writeEvent(writer: WireWriter, event: Event): void {
  const start = writer.begin(eventTag);
  writeEnvelope(writer, event);
  if (event.kind?.$case === 'request') writeRequest(writer, event.kind.value);
  else writer.raw(Event.encode({ ...emptyEnvelope, kind: event.kind }).finish());
  writer.end(start);
}

function writeEnvelope(writer: WireWriter, event: Event): void {
  writer.string((1 << 3) | 2, event.id);
  writer.uint(2 << 3, event.atUs);
  writer.string((3 << 3) | 2, event.app);
  writer.string((4 << 3) | 2, event.instance);
  writer.string((5 << 3) | 2, event.configVersion);
}

function writeRequest(writer: WireWriter, request: RequestEvent): void {
  const start = writer.begin(requestTag);
  writer.string((1 << 3) | 2, request.requestId);
  writer.string((2 << 3) | 2, request.traceId);
  writer.string((3 << 3) | 2, request.route);
  writer.string((4 << 3) | 2, request.service);
  writer.string((5 << 3) | 2, request.pathTemplate);
  for (const id of request.resourceIds) writer.item((6 << 3) | 2, id);
  writer.string((7 << 3) | 2, request.method);
  writer.uint(8 << 3, request.status);
  writer.string((9 << 3) | 2, request.faultCode);
  writer.string((10 << 3) | 2, request.principal);
  writer.string((11 << 3) | 2, request.principalKind);
  writer.string((12 << 3) | 2, request.consumer);
  writer.string((13 << 3) | 2, request.plan);
  writer.string((14 << 3) | 2, request.authenticationClass);
  writer.string((15 << 3) | 2, request.clientAddress);
  writer.string((16 << 3) | 2, request.clientPrefix);
  writer.string((17 << 3) | 2, request.headerFingerprint);
  writer.string((18 << 3) | 2, request.policy);
  writer.string((19 << 3) | 2, request.boundLimit);
  writer.string((20 << 3) | 2, request.decisionId);
  writer.uint(21 << 3, request.decisionReason);
  writer.bool(22 << 3, request.degraded);
  writer.uint(23 << 3, request.adjustmentPercent);
  writer.uint(24 << 3, request.durationUs);
  if (request.stages !== undefined) writeStages(writer, request.stages);
  writer.uint(26 << 3, request.requestBytes);
  writer.uint(27 << 3, request.responseBytes);
  writer.uint(28 << 3, request.completion);
  writer.string((29 << 3) | 2, request.cacheState);
  writer.string((30 << 3) | 2, request.breakerState);
  writer.string((31 << 3) | 2, request.upstream);
  writer.uint(32 << 3, request.attempts);
  writer.uint(33 << 3, request.replayLine);
  writer.end(start);
}

function writeStages(writer: WireWriter, stages: StageLatencies): void {
  const start = writer.begin(stagesTag);
  writer.uint(1 << 3, stages.authenticateUs);
  writer.uint(2 << 3, stages.limitUs);
  writer.uint(3 << 3, stages.egressHeadUs);
  writer.uint(4 << 3, stages.upstreamHeadUs);
  writer.end(start);
}
