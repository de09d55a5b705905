const suffixPattern = '[0-7][0-9a-hjkmnp-tv-z]{25}';
const jobIdPattern = new RegExp(`^job_${suffixPattern}$`);
const anyIdPattern = new RegExp(`^([a-z-]+)_(${suffixPattern})$`);

/** Whether this is the id of a job that could exist. Anything else never reaches the database. */
export const isJobId = (text: string): boolean => jobIdPattern.test(text);

/** The job that an id of a dialect names: every dialect shows its own prefix over the same suffix. */
export function jobIdFrom(text: string, ...prefixes: string[]): string | undefined {
  const [, prefix, suffix] = anyIdPattern.exec(text) ?? [];
  return prefix !== undefined && prefixes.includes(prefix) ? `job_${suffix}` : undefined;
}

/** A job's id as a dialect shows it: `job_01k…` becomes `video_01k…`. */
export function dialectId(prefix: string, jobId: string): string {
  return `${prefix}${jobId.slice(jobId.indexOf('_'))}`;
}
