/**
 * Time as tasks live it: `speed` times as fast as ours, and changed for tasks under way too. At speed 0 no time is needed at all: what has
 * begun is over.
 */
export function createLifeClock(initialSpeed: number) {
  let speed = initialSpeed;
  let lifeMs = 0;
  let sinceMs = performance.now();

  const nowMs = () => lifeMs + (performance.now() - sinceMs) * speed;
  return {
    nowMs,
    isInstant: () => speed === 0,
    /** How long `ms` of a task's life take in our time. */
    realMs: (ms: number) => (speed === 0 ? 0 : ms / speed),
    setSpeed(value: number): void {
      lifeMs = nowMs();
      sinceMs = performance.now();
      speed = value;
    },
  };
}
