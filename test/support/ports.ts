import { createPorts } from '../../standalone/ports.js';

/** Below those that the system gives to connections and to whoever wants any. */
const FIRST_PORT = 18_600;

/** Ports for servers that are stopped and started again: nobody is given them in between. */
export function createTestPorts() {
  const ports = createPorts();
  return {
    choose: () => ports.choose({ variable: 'TEST_PORT', preferred: FIRST_PORT, environment: {} }),
    release: () => ports.release(),
  };
}
