import { type ConnectionOptions, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';

type Interceptor = NonNullable<ConnectionOptions['interceptors']>[number];
type Call = ReturnType<Parameters<Interceptor>[1]>;

const PAUSE_GROWTH = 1.2;
const GRPC_CANCELLED = 1;

/**
 * The client's own retry, with two differences: its pauses stay short, so that a server that was away is found again soon after its
 * return; and a retry that comes when the connection has been closed ends quietly. Thrown from its timer, that would end the process.
 */
export function createRetryInterceptor(): Interceptor {
  const retry = makeGrpcRetryInterceptor(defaultGrpcRetryOptions({ factor: PAUSE_GROWTH }));
  return (options, nextCall) => {
    let isRetry = false;
    return retry(options, (callOptions) => {
      if (!isRetry) {
        isRetry = true;
        return nextCall(callOptions);
      }
      try {
        return nextCall(callOptions);
      } catch {
        return endedCall();
      }
    });
  };
}

function endedCall(): Call {
  return {
    start(metadata, listener) {
      listener?.onReceiveStatus?.({ code: GRPC_CANCELLED, details: 'the connection was closed', metadata });
    },
    cancelWithStatus() {},
    getPeer: () => '',
    getAuthContext: () => null,
    sendMessageWithContext() {},
    sendMessage() {},
    startRead() {},
    halfClose() {},
  };
}
