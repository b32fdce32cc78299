import { createHash, timingSafeEqual } from 'node:crypto';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** A check of `Authorization: Bearer <token>` that takes the same time for every wrong token. */
export function createBearerCheck(token: string): (authorization: string | undefined) => boolean {
  const expected = digest(token);
  return (authorization) => {
    const match = /^bearer +([^\s]{1,4096})$/i.exec(authorization ?? '');
    return match !== null && timingSafeEqual(digest(match[1] ?? ''), expected);
  };
}
