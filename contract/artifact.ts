/** Where a store keeps bytes. Keys are made by us, unguessable, and never overwritten. */
export type StoredObject = { key: string; bytes: number; sha256: string };

/** What a video file says of itself. */
export type VideoFacts = { width: number; height: number; durationSeconds: number; framesPerSecond: number };
