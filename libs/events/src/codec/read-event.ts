import {
  AdjustmentEvent,
  BodyCompletion,
  BreakerChangeEvent,
  ConfigChangeEvent,
  LifecycleEvent,
  SecurityEvent,
  type Event,
  type RequestEvent,
  type StageLatencies,
} from '@tidegate/grpc';
import type { WireReader } from './wire-reader.js';

/** By number; a later one counts as unspecified. */
const completions = [BodyCompletion.UNSPECIFIED, BodyCompletion.COMPLETE, BodyCompletion.ABORTED, BodyCompletion.UNKNOWN];

/** Reads one event, up to the reader's end. Fields it does not know, or of another wire type, are passed over. */
export function readEvent(reader: WireReader): Event {
  const event: Event = { id: '', atUs: 0, app: '', instance: '', configVersion: '', kind: undefined };
  while (reader.at < reader.end) {
    const tag = reader.uint();
    switch (tag) {
      case (1 << 3) | 2: event.id = reader.string(); break;
      case 2 << 3: event.atUs = reader.uint(); break;
      case (3 << 3) | 2: event.app = reader.word(); break;
      case (4 << 3) | 2: event.instance = reader.word(); break;
      case (5 << 3) | 2: event.configVersion = reader.word(); break;
      case (6 << 3) | 2: event.kind = { $case: 'request', value: readNested(reader, readRequest) }; break;
      case (7 << 3) | 2: event.kind = { $case: 'security', value: SecurityEvent.decode(reader.bytes()) }; break;
      case (8 << 3) | 2: event.kind = { $case: 'adjustment', value: AdjustmentEvent.decode(reader.bytes()) }; break;
      case (9 << 3) | 2: event.kind = { $case: 'breakerChange', value: BreakerChangeEvent.decode(reader.bytes()) }; break;
      case (10 << 3) | 2: event.kind = { $case: 'configChange', value: ConfigChangeEvent.decode(reader.bytes()) }; break;
      case (11 << 3) | 2: event.kind = { $case: 'lifecycle', value: LifecycleEvent.decode(reader.bytes()) }; break;
      default: reader.skip(tag);
    }
  }
  return event;
}

/** Reads a length-delimited message with the reader's end drawn in to its own. */
export function readNested<T>(reader: WireReader, read: (reader: WireReader) => T): T {
  const outerEnd = reader.end;
  const end = reader.delimited();
  reader.end = end;
  const value = read(reader);
  reader.end = outerEnd;
  return value;
}

function readRequest(reader: WireReader): RequestEvent {
  const request = emptyRequest();
  while (reader.at < reader.end) {
    const tag = reader.uint();
    switch (tag) {
      case (1 << 3) | 2: request.requestId = reader.string(); break;
      case (2 << 3) | 2: request.traceId = reader.string(); break;
      case (3 << 3) | 2: request.route = reader.word(); break;
      case (4 << 3) | 2: request.service = reader.word(); break;
      case (5 << 3) | 2: request.pathTemplate = reader.word(); break;
      case (6 << 3) | 2: request.resourceIds.push(reader.string()); break;
      case (7 << 3) | 2: request.method = reader.word(); break;
      case 8 << 3: request.status = reader.uint(); break;
      case (9 << 3) | 2: request.faultCode = reader.word(); break;
      case (10 << 3) | 2: request.principal = reader.word(); break;
      case (11 << 3) | 2: request.principalKind = reader.word(); break;
      case (12 << 3) | 2: request.consumer = reader.word(); break;
      case (13 << 3) | 2: request.plan = reader.word(); break;
      case (14 << 3) | 2: request.authenticationClass = reader.word(); break;
      case (15 << 3) | 2: request.clientAddress = reader.word(); break;
      case (16 << 3) | 2: request.clientPrefix = reader.word(); break;
      case (17 << 3) | 2: request.headerFingerprint = reader.word(); break;
      case (18 << 3) | 2: request.policy = reader.word(); break;
      case (19 << 3) | 2: request.boundLimit = reader.word(); break;
      case (20 << 3) | 2: request.decisionId = reader.string(); break;
      case 21 << 3: request.decisionReason = reader.uint(); break;
      case 22 << 3: request.degraded = reader.bool(); break;
      case 23 << 3: request.adjustmentPercent = reader.uint(); break;
      case 24 << 3: request.durationUs = reader.uint(); break;
      case (25 << 3) | 2: request.stages = readNested(reader, readStages); break;
      case 26 << 3: request.requestBytes = reader.uint(); break;
      case 27 << 3: request.responseBytes = reader.uint(); break;
      case 28 << 3: request.completion = completions[reader.uint()] ?? BodyCompletion.UNSPECIFIED; break;
      case (29 << 3) | 2: request.cacheState = reader.word(); break;
      case (30 << 3) | 2: request.breakerState = reader.word(); break;
      case (31 << 3) | 2: request.upstream = reader.word(); break;
      case 32 << 3: request.attempts = reader.uint(); break;
      case 33 << 3: request.replayLine = reader.uint(); break;
      default: reader.skip(tag);
    }
  }
  return request;
}

function readStages(reader: WireReader): StageLatencies {
  const stages: StageLatencies = { authenticateUs: 0, limitUs: 0, egressHeadUs: 0, upstreamHeadUs: 0 };
  while (reader.at < reader.end) {
    const tag = reader.uint();
    switch (tag) {
      case 1 << 3: stages.authenticateUs = reader.uint(); break;
      case 2 << 3: stages.limitUs = reader.uint(); break;
      case 3 << 3: stages.egressHeadUs = reader.uint(); break;
      case 4 << 3: stages.upstreamHeadUs = reader.uint(); break;
      default: reader.skip(tag);
    }
  }
  return stages;
}

/** One shape for all: every field is there from the start. */
function emptyRequest(): RequestEvent {
  return {
    requestId: '', traceId: '', route: '', service: '', pathTemplate: '', resourceIds: [], method: '', status: 0, faultCode: '',
    principal: '', principalKind: '', consumer: '', plan: '', authenticationClass: '', clientAddress: '', clientPrefix: '',
    headerFingerprint: '', policy: '', boundLimit: '', decisionId: '', decisionReason: 0, degraded: false, adjustmentPercent: 0,
    durationUs: 0, stages: undefined, requestBytes: 0, responseBytes: 0, completion: BodyCompletion.UNSPECIFIED, cacheState: '', breakerState: '',
    upstream: '', attempts: 0, replayLine: 0,
  };
}
