import { hasClaim, type ClaimValue } from '@tidegate/routing';
import { name } from '@tidegate/units';
import { z } from 'zod';

/** A known client: whose tokens and keys are its own, and its plan. */
export interface ConsumerConfig {
  readonly plan?: string | undefined;
  /** Tokens with one of these subjects, or with all of these claims. API keys name their consumer themselves. */
  readonly jwt?: JwtConsumerMatch | undefined;
}

/** Which tokens are a consumer's. */
export interface JwtConsumerMatch {
  /** Only tokens of this provider; undefined: of any. */
  readonly provider?: string | undefined;
  readonly subjects: readonly string[];
  readonly claims: Readonly<Record<string, ClaimValue>>;
}

/** The `consumers:` part, by name. */
export type ConsumersConfig = Readonly<Record<string, ConsumerConfig>>;

const jwtMatch = z
  .strictObject({
    provider: name().optional(),
    subjects: z.array(z.string().min(1).max(256)).max(10_000).default([]),
    claims: z.record(z.string().min(1).max(256), z.union([z.string(), z.number(), z.boolean()])).default({}),
  })
  .refine(({ subjects, claims }) => subjects.length > 0 || Object.keys(claims).length > 0, 'expected subjects or claims');

/** Schema of `consumers:`; a subject that two consumers name is a problem. */
export const consumersSchema = z
  .record(name(), z.strictObject({ plan: name().optional(), jwt: jwtMatch.optional() }))
  .superRefine((consumers, ctx) => {
    const owners = new Map<string, string>();
    for (const [consumer, { jwt }] of Object.entries(consumers)) {
      for (const [at, subject] of (jwt?.subjects ?? []).entries()) {
        const key = `${jwt?.provider ?? ''} ${subject}`;
        const owner = owners.get(key);
        if (owner !== undefined)
          ctx.addIssue({
            code: 'custom',
            path: [consumer, 'jwt', 'subjects', at],
            message: `subject "${subject}" belongs to consumer "${owner}" already`,
          });
        owners.set(key, consumer);
      }
    }
  })
  .transform((consumers): ConsumersConfig => consumers);

/** Finds the consumer of a verified token: by subject first, then by claims in the order of the file. */
export type FindConsumer = (provider: string, claims: Readonly<Record<string, unknown>>) => string | undefined;

/** Builds the index over all consumers. */
export function createConsumerIndex(consumers: ConsumersConfig): FindConsumer {
  const bySubject = new Map<string, string>();
  const byClaims: { consumer: string; match: JwtConsumerMatch }[] = [];
  for (const [consumer, { jwt }] of Object.entries(consumers)) {
    for (const subject of jwt?.subjects ?? []) bySubject.set(`${jwt?.provider ?? ''} ${subject}`, consumer);
    if (jwt !== undefined && Object.keys(jwt.claims).length > 0) byClaims.push({ consumer, match: jwt });
  }
  return (provider, claims) => {
    const subject = typeof claims['sub'] === 'string' ? claims['sub'] : '';
    return (
      bySubject.get(`${provider} ${subject}`) ??
      bySubject.get(` ${subject}`) ??
      byClaims.find(({ match }) => hasClaims(match, provider, claims))?.consumer
    );
  };
}

function hasClaims(match: JwtConsumerMatch, provider: string, claims: Readonly<Record<string, unknown>>): boolean {
  if (match.provider !== undefined && match.provider !== provider) return false;
  return Object.entries(match.claims).every(([claim, expected]) => hasClaim(claims, claim, expected));
}
