/** Who is told of the end of a job, by an event. */
export interface JobAudience {
  readonly plugin: string;
  /** What the job was caused by, as the chain of an event. @default [] */
  readonly chain?: readonly string[];
}
