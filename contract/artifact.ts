/** What can be fetched of a finished video: itself, one still, or a sheet of many. */
export const contentKinds = ['video', 'thumbnail', 'spritesheet'] as const;
export type ContentKind = (typeof contentKinds)[number];

/** Where a store keeps bytes. Keys are made by us, unguessable, and never overwritten. */
export type StoredObject = { key: string; bytes: number; sha256: string };

/** What a video file says of itself. */
export type VideoFacts = { width: number; height: number; durationSeconds: number; framesPerSecond: number };
