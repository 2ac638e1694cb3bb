// How long is waited for a connection, and between two tries.

const firstDelay = 500;
const longestDelay = 2_000;

/** After so many tries, a minute or so, nobody waits for the very second. */
const many = 25;
const patientDelay = 15_000;

/**
 * delay is how long to wait before the attempt-th try (from 0), in milliseconds: it
 * doubles up to a limit, and half of it is random, so that not all come back at the
 * same moment after a restart.
 */
export function delay(attempt: number, random = Math.random()): number {
  const full = Math.min(attempt < many ? longestDelay : patientDelay, firstDelay * 2 ** attempt);
  return full / 2 + (full / 2) * random;
}

const shortTry = 4_000;
const longTry = 20_000;

/**
 * tryFor is how long the attempt-th try may take, in milliseconds, when the last that
 * came about took so long (0: none did yet). Short ones notice at once that the network
 * is back, where a long one waits for its packets to be sent again; every fourth is
 * long, as a slow network may need.
 */
export function tryFor(attempt: number, took: number): number {
  return took === 0 || attempt % 4 === 3 ? longTry : Math.min(longTry, Math.max(shortTry, 3 * took));
}
