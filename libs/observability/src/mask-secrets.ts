/** What a log line must never show: bearer credentials, API keys, internal tokens, passwords in URLs. */
const secretPatterns: readonly [RegExp, string][] = [
  [/\b(bearer|basic|apikey)\s+[A-Za-z0-9._~+/=-]{6,}/gi, '$1 ***'],
  [/\btg_live_[A-Za-z0-9_-]{6,}/g, 'tg_live_***'],
  [/\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g, 'eyJ***'],
  [/\bv1(?:\.[A-Za-z0-9_-]+){3}\.[A-Za-z0-9_-]{20,}/g, 'v1.***'],
  [/(\/\/[^/\s:@]*:)[^/\s@]+@/g, '$1***@'],
];

/** The text with every credential in it masked. */
export function maskSecrets(text: string): string {
  let masked = text;
  for (const [pattern, replacement] of secretPatterns) masked = masked.replace(pattern, replacement);
  return masked;
}
