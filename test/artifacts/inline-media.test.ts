import { describe, expect, it } from '@jest/globals';
import { InlineMediaError, readDataUrl, readImageSize } from '../../artifacts/inline-media.js';
import { aFastStartVideo } from './builders.js';

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAIAAAA2iEnWAAAADklEQVR4nGNgQAX/gQAAEwQF+77GqO8AAAAASUVORK5CYII=';
const dataUrl = (contentType: string, base64: string) => `data:${contentType};base64,${base64}`;

describe('readDataUrl', () => {
  it('gives the type and the exact bytes', async () => {
    const media = await readDataUrl(dataUrl('image/png', png));
    expect(media.contentType).toBe('image/png');
    expect(Buffer.from(media.bytes).toString('base64')).toBe(png);
    expect(readImageSize(media.bytes)).toEqual({ width: 2, height: 3 });
  });

  it('takes a video and any case of the type', async () => {
    const video = aFastStartVideo(100).toString('base64');
    expect(await readDataUrl(dataUrl('Video/MP4', video))).toMatchObject({ contentType: 'video/mp4' });
  });

  it.each([
    ['another type than its bytes', dataUrl('image/jpeg', png), /says image\/jpeg, but its content is image\/png/],
    ['bytes that are nothing', dataUrl('image/png', Buffer.from('hello').toString('base64')), /is not known/],
    ['a type that is not taken', dataUrl('image/svg+xml', png), /must be one of/],
    ['an address', 'https://example.com/a.png', /must be an http\(s\) address or a base64 data URL/],
    ['no base64', 'data:image/png,hello', /must be an http\(s\) address or a base64 data URL/],
    [
      'a type with parameters',
      `data:image/png;charset=utf-8;base64,${png}`,
      /must be an http\(s\) address or a base64 data URL/,
    ],
    ['no bytes', dataUrl('image/png', ''), /not valid base64/],
    ['a character that is no base64', dataUrl('image/png', `${png.slice(0, 20)}*${png.slice(20)}`), /not valid base64/],
    ['a line break', dataUrl('image/png', `${png.slice(0, 20)}\n${png.slice(20)}`), /not valid base64/],
    ['no padding', dataUrl('image/png', png.replace(/=+$/, '')), /not valid base64/],
  ])('refuses %s', async (_, text, message) => {
    const reading = readDataUrl(text);
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toBeInstanceOf(InlineMediaError);
  });
});

describe('readImageSize', () => {
  it('says so when an image is cut', () => {
    expect(() => readImageSize(Buffer.from(png, 'base64').subarray(0, 12))).toThrow(InlineMediaError);
  });
});
