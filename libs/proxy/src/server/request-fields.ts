import type { Fields } from '@tidegate/pipeline';
import { fieldKind, toFieldName } from './field-name.js';

export interface FieldRules {
  /** True: names with `_` pass (gateway/H5). */
  readonly allowUnderscoreFields: boolean;
  /** True on the egress listener: ingress sends reserved fields, and verifyCaller checks who did. */
  readonly keepReservedFields: boolean;
}

/** A head's fields, read once: the flat list for the stages, and what framing needs. */
export class RequestFields {
  readonly fields: Fields = [];
  /** As received, those that were dropped too. */
  count = 0;
  /** Bytes of the field section, with ": " and CRLF. */
  bytes = 0;
  host: string | undefined;
  hostCount = 0;
  contentLength: string | undefined;
  contentLengthCount = 0;
  transferEncoding: string | undefined;
  transferEncodingCount = 0;
  expect: string | undefined;
  isUpgradeNamed = false;
  isConnectionUpgrade = false;

  /** Names the other side wants to leave HTTP by; the parser stops behind such a head (gateway/H2). */
  get isUpgrade(): boolean {
    return this.isUpgradeNamed && this.isConnectionUpgrade;
  }
}

/** Reads the parser's flat list in one pass: lower-cases names, drops reserved fields and twins, notes the framing ones. */
export function readRequestFields(received: readonly string[], rules: FieldRules): RequestFields {
  const read = new RequestFields();
  const { fields } = read;
  let bytes = 0;
  for (let i = 0; i < received.length; i += 2) {
    const original = received[i] as string;
    const value = received[i + 1] as string;
    bytes += original.length + value.length + 4;
    const { name, kind } = toFieldName(original);
    if (kind !== fieldKind.plain && !takeSpecial(read, kind, value, rules)) continue;
    fields.push(name, value);
  }
  read.count = received.length >> 1;
  read.bytes = bytes;
  return read;
}

/** Notes a field the server itself looks at. False: it does not reach the stages. */
// oxlint-disable-next-line max-params -- the hot loop: an options object per field would be garbage
function takeSpecial(read: RequestFields, kind: number, value: string, rules: FieldRules): boolean {
  switch (kind) {
    case fieldKind.host:
      read.host = value;
      read.hostCount += 1;
      return true;
    case fieldKind.contentLength:
      read.contentLength = value;
      read.contentLengthCount += 1;
      return true;
    case fieldKind.transferEncoding:
      read.transferEncoding = value;
      read.transferEncodingCount += 1;
      return true;
    case fieldKind.connection:
      if (value.length > 6 && value !== 'keep-alive') read.isConnectionUpgrade ||= value.toLowerCase().includes('upgrade');
      return true;
    case fieldKind.upgrade:
      read.isUpgradeNamed = true;
      return true;
    case fieldKind.expect:
      read.expect = read.expect === undefined ? value : `${read.expect}, ${value}`;
      return true;
    case fieldKind.reserved:
      return rules.keepReservedFields;
    default:
      return rules.allowUnderscoreFields;
  }
}
