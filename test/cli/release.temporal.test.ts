import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createAdmin } from '../../cli/admin.js';
import { silentAnnouncer } from '../../store/announcements.js';
import { createTestNamespace } from '../support/temporal.js';
import { until } from '../support/until.js';
import { quietTemporal } from '../support/workflow-world.js';

jest.setTimeout(30_000);

describe('the release verbs', () => {
  let temporal: Awaited<ReturnType<typeof createTestNamespace>>;
  let connection: NativeConnection;
  beforeAll(async () => {
    quietTemporal();
    temporal = await createTestNamespace();
    connection = await NativeConnection.connect({ address: temporal.address });
  });
  afterAll(async () => {
    await connection.close();
    await temporal.close();
    await Runtime.instance().shutdown();
  });

  async function release(...words: string[]): Promise<string> {
    const lines: string[] = [];
    const admin = createAdmin({
      openDatabase: () => {
        throw new Error('the database was not expected');
      },
      openAnnouncer: () => silentAnnouncer,
      openTemporal: () => temporal.client,
      deployment: 'studio',
      buildId: '2026-11-21.3',
      write: (text) => lines.push(text),
    });
    await admin.parseAsync(['node', 'admin', 'release', ...words]);
    return lines.join('\n');
  }

  it('say that no versioned worker has come', async () => {
    expect(await release('list')).toBe('No worker of the deployment studio has come with versioning switched on.');
    await expect(release('current', '1')).rejects.toThrow(/^no Worker Deployment found with name 'studio'/);
  });

  it('make the build of the command current, and no other that has no worker', async () => {
    const worker = await Worker.create({
      connection,
      namespace: temporal.namespace,
      taskQueue: 'any',
      activities: { any: async () => {} },
      workerDeploymentOptions: {
        useWorkerVersioning: true,
        version: { deploymentName: 'studio', buildId: '2026-11-21.3' },
        defaultVersioningBehavior: 'PINNED',
      },
    });
    await worker.runUntil(async () => {
      const inactive = await until(async () => {
        const list = await release('list');
        return list.includes('2026-11-21.3') && list;
      });
      expect(inactive).toMatch(/2026-11-21\.3 *│ inactive/);
      await expect(release('current', 'elsewhere')).rejects.toThrow(/^build ID 'elsewhere' not found/);
      expect(await release('current')).toBe('2026-11-21.3 is current');
      expect(await release('list')).toMatch(/2026-11-21\.3 *│ current/);
      expect(await release('unset')).toBe('no build is current');
      expect(await release('list')).toMatch(/2026-11-21\.3 *│ draining/);
    });
  });
});
