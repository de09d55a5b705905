import { describe, expect, it } from '@jest/globals';
import { faultOfOutsideAddress } from '../../artifacts/outside-address.js';
import { carriedAddresses, foreignPorts, trickedAddresses, writtenAddresses } from './hostile-corpus.js';

const corpus = [...writtenAddresses(8080), ...carriedAddresses(8080), ...trickedAddresses(8080), ...foreignPorts];

describe('faultOfOutsideAddress', () => {
  it(`finds a fault in each of ${corpus.length} hostile addresses, without asking anybody`, () => {
    const faultless = corpus.filter(({ url }) => faultOfOutsideAddress(url, { allowLoopbackPorts: [] }) === undefined);
    expect(faultless).toEqual([]);
  });

  it.each([
    'https://example.com/hook?a=b',
    'http://example.com:8080/',
    'https://93.184.215.14/',
    'https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/',
  ])('finds none in %s', (url) => {
    expect(faultOfOutsideAddress(url, { allowLoopbackPorts: [] })).toBeUndefined();
  });

  it.each(['http://localhost:8080/', 'http://127.0.0.1:8080/', 'http://[::1]:8080/'])(
    'finds none in %s where that port is open, and one in any other',
    (url) => {
      expect(faultOfOutsideAddress(url, { allowLoopbackPorts: [8080] })).toBeUndefined();
      expect(faultOfOutsideAddress(url, { allowLoopbackPorts: [8081] })).toMatch(/public internet/);
    },
  );

  it.each([
    'http://127.0.0.2:8080/',
    'http://localhost.:8080/',
    'http://0.0.0.0:8080/',
    'http://anything.localhost:8080/',
  ])('opens no port of %s, which is this machine by another name', (url) => {
    expect(faultOfOutsideAddress(url, { allowLoopbackPorts: [8080] })).toMatch(/public internet/);
  });
});
