import type { VideoProvider } from '../../contract/provider.js';
import type { Providers } from '../../providers/registry.js';

type Calls = { submits: string[]; looks: number; cancels: number };

/** A provider that does what a test says, and counts what it was asked. What is not scripted must not be called. */
export function scriptedProvider(script: Partial<VideoProvider>): { providers: Providers; calls: Calls } {
  const calls: Calls = { submits: [], looks: 0, cancels: 0 };
  const { submit, look, cancel, reconcile, list, callbacks } = script;
  const unexpected = (name: string) => () => Promise.reject(new Error(`${name} was not expected`));
  const provider: VideoProvider = {
    submit: (generation, options) => {
      calls.submits.push(options.attemptKey);
      return (submit ?? unexpected('submit'))(generation, options);
    },
    look: (task, options) => {
      calls.looks += 1;
      return (look ?? unexpected('look'))(task, options);
    },
    ...(cancel && {
      cancel: (task, options) => {
        calls.cancels += 1;
        return cancel(task, options);
      },
    }),
    ...(reconcile && { reconcile }),
    ...(list && { list }),
    ...(callbacks && { callbacks }),
    openResult: (_, { url }) => ({ url, headers: {}, credentialOrigin: 'https://provider.example' }),
  };
  return { calls, providers: { get: () => provider, close: async () => {} } };
}
