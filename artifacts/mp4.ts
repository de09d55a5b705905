const SHORT_HEADER_BYTES = 8;
const LONG_HEADER_BYTES = 16;

/** Without these a file holds no film: what kind it is, where everything lies, and the pictures themselves. */
const neededBoxes = ['ftyp', 'moov', 'mdat'];

export interface BoxWalk {
  push(chunk: Uint8Array): void;
  /** What is wrong with the file that was pushed; `undefined` when it is whole. */
  problem(): string | undefined;
}

/**
 * Walks over the top-level boxes of an MP4 file while its bytes pass by. A file that was cut still says what it is and how
 * long it plays; only its boxes tell, which then reach beyond its end.
 */
export function createBoxWalk(): BoxWalk {
  const seen = new Set<string>();
  const header = Buffer.alloc(LONG_HEADER_BYTES);
  let headerBytes = 0;
  let restOfBox = 0;
  let isOpenEnded = false;
  let broken: string | undefined;

  /** Takes the box whose header is complete; `false` when more of the header is needed. */
  const takeHeader = (): boolean => {
    if (headerBytes < SHORT_HEADER_BYTES) return false;
    const shortSize = header.readUInt32BE(0);
    const isLong = shortSize === 1;
    if (isLong && headerBytes < LONG_HEADER_BYTES) return false;
    const size = isLong ? Number(header.readBigUInt64BE(SHORT_HEADER_BYTES)) : shortSize;

    const type = header.toString('latin1', 4, SHORT_HEADER_BYTES);
    if (!/^[\x20-\x7e\xa9]{4}$/.test(type)) broken = 'a box has no readable type';
    else if (shortSize === 0) isOpenEnded = true;
    else if (size < headerBytes) broken = `the box ${type} is smaller than its own header`;
    seen.add(type);
    restOfBox = size - headerBytes;
    headerBytes = 0;
    return true;
  };

  return {
    push(chunk) {
      let offset = 0;
      while (offset < chunk.length && !isOpenEnded && !broken) {
        const skipped = Math.min(restOfBox, chunk.length - offset);
        restOfBox -= skipped;
        offset += skipped;
        while (restOfBox === 0 && offset < chunk.length) {
          header[headerBytes] = chunk[offset] ?? 0;
          headerBytes += 1;
          offset += 1;
          if (takeHeader()) break;
        }
      }
    },
    problem() {
      if (broken) return broken;
      if (headerBytes > 0) return 'it ends within the header of a box';
      if (!isOpenEnded && restOfBox > 0) return `it ends ${restOfBox} bytes before its last box does`;
      const missing = neededBoxes.filter((type) => !seen.has(type));
      return missing.length > 0 ? `it has no box ${missing.join(', ')}` : undefined;
    },
  };
}
