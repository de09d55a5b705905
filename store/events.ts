import type { Runner, Statement } from './database.js';

/** One thing that happened to a job or a pipeline, the subject. */
export type EventRow = {
  subject_id: string;
  sequence: number;
  type: string;
  data: unknown;
  created_at: Date;
  /** The subject has ended with it. */
  is_end: boolean;
};

/** From where on somebody wants to hear of a subject: the sequence of the last event that was heard. */
export type Position = { id: string; after: number };

/** How far a subject has come. */
export type Standing = { isFinished: boolean; lastSequence: number };

/** What happened to subjects of one kind. The sequence of each has no gaps, and no event is seen before one with a lower number. */
export type Events = {
  /** The next events of each subject in order, up to `limit` of each. */
  newer(positions: readonly Position[], limit: number): Promise<EventRow[]>;
  /** Of a subject of this workspace; another's is as unknown as one that never was. */
  standing(of: { id: string; workspaceId: string }): Promise<Standing | undefined>;
};

type Statements = {
  /** Takes the ids, the sequences that were heard of them, and the limit. */
  newer: Statement;
  /** Takes the id and the workspace. */
  standing: Statement;
};

export function createEvents(run: Runner, { newer, standing }: Statements): Events {
  return {
    newer: (positions, limit) =>
      run<EventRow>(newer, [positions.map(({ id }) => id), positions.map(({ after }) => after), limit]),

    async standing({ id, workspaceId }) {
      const [row] = await run<Standing>(standing, [id, workspaceId]);
      return row;
    },
  };
}
