import { isIP, type LookupFunction, Socket } from 'node:net';
import type { OpenSocket } from '../../artifacts/guarded-connection.js';

type Ends = {
  /** Public addresses, all of which lead to one server on this machine. */
  publicAddresses: readonly string[];
  publicPort: number;
  /** Where a connection to any other address ends, so that it is seen there as well. */
  secretPort: number;
};

/** A network below the guard in which every address exists, and which writes down each that a connection is tried to. */
export function pretendNetwork({ publicAddresses, publicPort, secretPort }: Ends) {
  const attempts: string[] = [];

  const openSocket: OpenSocket = ({ host, lookup }) => {
    const socket = new Socket();
    addressOf(host, lookup).then(
      (address) => {
        attempts.push(address);
        Object.defineProperty(socket, 'remoteAddress', { value: address });
        const port = publicAddresses.includes(address) ? publicPort : secretPort;
        socket.connect({ host: '127.0.0.1', port });
      },
      (error: Error) => socket.destroy(error),
    );
    return socket;
  };
  return { openSocket, attempts };
}

/** As the operating system has it: an address needs no lookup, and a name is what its first answer says. */
function addressOf(host: string, lookup: LookupFunction): Promise<string> {
  if (isIP(host) !== 0) return Promise.resolve(host);
  return new Promise((resolve, reject) => {
    lookup(host, { all: true }, (error, found) => {
      if (error) return reject(error);
      const [first] = Array.isArray(found) ? found : [{ address: found }];
      resolve(first?.address ?? '');
    });
  });
}
