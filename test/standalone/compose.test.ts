import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { z } from 'zod';
import { findProjectRoot } from '../../runtime/root.js';

const root = findProjectRoot();
const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
const parsed: unknown = parse(text, { merge: true });

const serviceSchema = z.object({
  image: z.string(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  volumes: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.unknown()).default({}),
  healthcheck: z.object({}).optional(),
});
const { services, volumes } = z
  .object({ services: z.record(z.string(), serviceSchema), volumes: z.record(z.string(), z.unknown()) })
  .parse(parsed);

/** The schema without two words that Ajv does not know: the old `id`, which nothing refers to, and a misspelt draft. */
function withoutOldWords(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutOldWords);
  if (typeof schema !== 'object' || schema === null) return schema;
  const isOld = ([key, value]: [string, unknown]) => ['id', '$schema'].includes(key) && typeof value === 'string';
  const entries = Object.entries(schema).filter((entry) => !isOld(entry));
  return Object.fromEntries(entries.map(([key, value]) => [key, withoutOldWords(value)]));
}

describe('docker-compose.yml', () => {
  it('follows the Compose Specification', () => {
    const file = join(root, 'test', 'standalone', 'fixtures', 'compose-spec', 'compose-spec.json');
    const schema = withoutOldWords(JSON.parse(readFileSync(file, 'utf8')));
    const duration = /^(\d+(\.\d+)?(us|ms|s|m|h))+$/;
    const ajv = new Ajv({ strict: false, formats: { duration, ports: true, expose: true, subnet_ip_address: true } });
    if (typeof schema !== 'object' || schema === null) throw new Error('the schema is not an object');
    const validate = ajv.compile(schema);
    validate(parsed);
    expect(validate.errors).toBeNull();
  });

  it('names, in what a service waits for, services whose state can be known', () => {
    for (const { depends_on } of Object.values(services)) {
      for (const [name, { condition }] of Object.entries(depends_on)) {
        expect(services).toHaveProperty(name);
        if (condition === 'service_healthy') expect(services[name]).toHaveProperty('healthcheck');
      }
    }
  });

  it('declares its volumes, and mounts only folders that exist', () => {
    for (const mount of Object.values(services).flatMap((service) => service.volumes)) {
      const [source = ''] = mount.split(':');
      if (source.startsWith('./')) expect(existsSync(join(root, source))).toBe(true);
      else expect(volumes).toHaveProperty(source);
    }
  });

  it('holds no secret, and does not start without one but what belongs to providers and S3 that are not used', () => {
    const secretName = /PASSWORD|PWD|SECRET|_KEY$|DATABASE_URL/;
    const secrets = Object.values(services).flatMap(({ environment }) =>
      Object.entries(environment).filter(([name]) => secretName.test(name)),
    );
    expect(secrets.length).toBeGreaterThan(0);
    for (const [name, value] of secrets) {
      expect(value).toMatch(/_API_KEY$|_WEBHOOK_SECRET$|^AWS_/.test(name) ? /^\$\{\w+:-\}$/ : /\$\{\w+:\?[^}]+\}/);
    }
  });

  it('names a version for every image that is not ours', () => {
    for (const { image } of Object.values(services)) expect(image).toMatch(/^reelay:|:\d/);
  });
});
