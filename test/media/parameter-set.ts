const MACROBLOCK = 16;

/** A sequence parameter set of H.264 (baseline, level 6.2) that claims frames of that size, both multiples of 16. */
export function aParameterSet({ width, height }: { width: number; height: number }): Buffer {
  const bits: number[] = [];
  const put = (value: number, length: number) => {
    for (let bit = length - 1; bit >= 0; bit -= 1) bits.push((value >> bit) & 1);
  };
  /** An unsigned number in the code of Golomb and others. */
  const putCode = (value: number) => {
    const length = Math.floor(Math.log2(value + 1));
    put(0, length);
    put(value + 1, length + 1);
  };
  putCode(0); // its number
  putCode(0); // frame numbers of 4 bits
  putCode(2); // shown in the order of decoding
  putCode(1); // one reference frame
  put(0, 1);
  putCode(width / MACROBLOCK - 1);
  putCode(height / MACROBLOCK - 1);
  put(1, 1); // whole frames, no fields
  put(0, 1);
  put(0, 1); // no cropping
  put(0, 1); // nothing more
  put(1, 1); // the end, filled up
  while (bits.length % 8 !== 0) put(0, 1);
  const bytes = Array.from({ length: bits.length / 8 }, (_, at) =>
    Number.parseInt(bits.slice(at * 8, at * 8 + 8).join(''), 2),
  );
  return Buffer.from([0x67, 66, 0, 62, ...bytes]);
}
