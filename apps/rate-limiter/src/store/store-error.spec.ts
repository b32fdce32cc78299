import { describe, expect, it } from 'vitest';
import { toStoreError } from './store-error.js';

describe('toStoreError', () => {
  it.each([
    ["READONLY You can't write against a read only replica.", 'not-executed'],
    ["READONLY You can't write against a read only replica. script: 5f, on @user_script:231.", 'not-executed'],
    ['ERR Error running script (call to f_5f): @user_script:231: -READONLY You can\'t write against a read only replica.', 'not-executed'],
    ['LOADING Redis is loading the dataset in memory', 'not-executed'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'not-executed'],
    ['MOVED 3999 127.0.0.1:6381', 'not-executed'],
    ['BUSY Redis is busy running a script.', 'not-executed'],
    ["Stream isn't writeable and enableOfflineQueue options is false", 'not-connected'],
    ['Connection is closed.', 'unknown-outcome'],
    ['Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option for details.', 'unknown-outcome'],
    ['ERR user_script:12: attempt to index a nil value', 'unknown-outcome'],
  ])('limiter/F3: %s is %s', (message, kind) => {
    expect(toStoreError(new Error(message)).kind).toBe(kind);
  });
});
