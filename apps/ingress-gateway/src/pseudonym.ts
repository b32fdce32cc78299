/** Our name in Via (RFC 9110 section 7.6.3). */
export const pseudonym = 'tidegate-ingress';
