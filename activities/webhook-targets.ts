export type WebhookTargets = ReturnType<typeof createWebhookTargets>;

/**
 * How many exchanges with one target this process has under way at once. Without it, a target that never answers would in the end hold
 * every slot, and keep all others waiting.
 */
export function createWebhookTargets({ atOnce }: { atOnce: number }) {
  const busy = new Map<string, number>();

  return {
    /** The way out again; undefined when the target has as many as it may. */
    enter(target: string): (() => void) | undefined {
      const count = busy.get(target) ?? 0;
      if (count >= atOnce) return undefined;
      busy.set(target, count + 1);
      return () => {
        const left = (busy.get(target) ?? 1) - 1;
        if (left > 0) busy.set(target, left);
        else busy.delete(target);
      };
    },
  };
}
