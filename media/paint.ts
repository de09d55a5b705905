import type { SKRSContext2D } from '@napi-rs/canvas';
import type { ClipSpec } from './messages.js';

const MAX_PROMPT_LINES = 4;

/** Draws a clip frame by frame: what is asked for, a running time code, and something that moves. */
export function createPainter(context: SKRSContext2D, clip: ClipSpec): (atSeconds: number) => void {
  const { width, height, seconds, framesPerSecond, title, prompt, detail } = clip;
  const unit = Math.min(width, height) / 100;
  const margin = 7 * unit;
  const hue = Array.from(prompt).reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 360, 7);
  const type = (weight: number, size: number) => `${weight} ${Math.round(size * unit)}px Inter`;

  const background = context.createLinearGradient(0, 0, width, height);
  background.addColorStop(0, `hsl(${hue} 45% 16%)`);
  background.addColorStop(1, `hsl(${(hue + 50) % 360} 50% 28%)`);
  context.font = type(600, 6.5);
  const lines = wrap(context, prompt, width - 2 * margin);

  return (atSeconds) => {
    const share = atSeconds / seconds;
    context.fillStyle = background;
    context.fillRect(0, 0, width, height);

    context.fillStyle = `hsl(${(hue + 180) % 360} 70% 65% / 0.35)`;
    context.beginPath();
    const swing = Math.sin(share * Math.PI * 2);
    context.arc(width * (0.15 + 0.7 * share), height * (0.62 + 0.12 * swing), 14 * unit, 0, Math.PI * 2);
    context.fill();

    context.textBaseline = 'top';
    context.fillStyle = 'hsl(0 0% 100% / 0.7)';
    context.font = type(600, 4);
    context.fillText(title, margin, margin);
    context.fillStyle = 'white';
    context.font = type(600, 6.5);
    for (const [index, line] of lines.entries()) context.fillText(line, margin, margin + (9 + index * 8.5) * unit);

    context.textBaseline = 'bottom';
    context.font = type(600, 6);
    context.fillText(timeCode(atSeconds, framesPerSecond), margin, height - margin);
    context.fillStyle = 'hsl(0 0% 100% / 0.7)';
    context.font = type(400, 3.2);
    context.textAlign = 'right';
    context.fillText(detail, width - margin, height - margin);
    context.textAlign = 'left';
    context.fillStyle = `hsl(${(hue + 180) % 360} 70% 65%)`;
    context.fillRect(0, height - unit, width * share, unit);
  };
}

/** `00:03:12`: minutes, seconds, frames. */
function timeCode(atSeconds: number, framesPerSecond: number): string {
  const frame = Math.round(atSeconds * framesPerSecond);
  const second = Math.floor(frame / framesPerSecond);
  const parts = [Math.floor(second / 60), second % 60, frame % framesPerSecond];
  return parts.map((part) => String(Math.floor(part)).padStart(2, '0')).join(':');
}

function wrap(context: SKRSContext2D, text: string, width: number): string[] {
  const fits = (line: string) => context.measureText(line).width <= width;
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).flatMap((long) => pieces(long, fits))) {
    const longer = line ? `${line} ${word}` : word;
    if (!line || fits(longer)) line = longer;
    else {
      lines.push(line);
      line = word;
    }
    if (lines.length === MAX_PROMPT_LINES) return [...lines.slice(0, -1), shortened(lines.at(-1) ?? '', fits)];
  }
  return [...lines, line];
}

/** A word that is wider than a line, and whole sentences of scripts that put no spaces between words, in pieces that fit. */
function pieces(word: string, fits: (line: string) => boolean): string[] {
  if (fits(word)) return [word];
  const found: string[] = [];
  let piece = '';
  for (const letter of word) {
    if (piece && !fits(piece + letter)) {
      found.push(piece);
      if (found.length > MAX_PROMPT_LINES) return found;
      piece = '';
    }
    piece += letter;
  }
  return [...found, piece];
}

function shortened(line: string, fits: (line: string) => boolean): string {
  const letters = Array.from(line);
  while (letters.length > 0 && !fits(`${letters.join('')} …`)) letters.pop();
  return `${letters.join('').trimEnd()} …`;
}
