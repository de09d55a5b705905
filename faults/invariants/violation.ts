/** What must hold after every fault. */
export const invariants = {
  I1: 'a job that was answered 202 ends exactly once, a pipeline once in each run',
  I2: 'at most one submission per attempt, and a further one only when the last is dead, refused or given up by policy',
  I3: 'the money adds up, and captured is what was delivered',
  I4: 'stored files have the bytes of the provider, and rows and files agree',
  I5: 'row, events and workflow tell the same end, and nothing comes after it',
  I6: 'the end of a job or a pipeline is told at its address, signed, under one id, or visibly given up',
  I7: 'one idempotency key is one job or one pipeline',
  I9: 'no prompt, key or signed address is in a log or a history',
  I10: 'no connection to a private address because of what somebody else chose',
  I11: 'each step of a pipeline is delivered once and paid once',
} as const;
export type Invariant = keyof typeof invariants;

/** Something that does not hold: of a job or a pipeline, by its id, or of the whole. */
export type Violation = { invariant: Invariant; subject: string | null; what: string };
