import { createMediaProcess } from '../media/process.js';
import { createLogger } from '../runtime/logger.js';
import { closeOnSignal } from '../runtime/shutdown.js';
import { createSandbox } from './app.js';
import { readSettings } from './settings.js';

const settings = readSettings();
const logger = createLogger('sandbox', settings.LOG_LEVEL);
const media = createMediaProcess({ maxConcurrent: 1 });
const sandbox = createSandbox({
  media,
  logger,
  clipsDir: settings.SANDBOX_CLIPS_DIR,
  speed: settings.SANDBOX_SPEED,
  sharesClips: settings.SANDBOX_SHARED_CLIPS,
  hasEtags: settings.SANDBOX_ETAGS,
});
const url = await sandbox.listen({ host: settings.SANDBOX_HOST, port: settings.SANDBOX_PORT });
logger.info({ url }, 'sandbox is ready');
process.send?.('ready');

closeOnSignal(logger, async () => {
  await sandbox.close();
  await media.close();
});
