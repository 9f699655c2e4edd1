/** A stored pack that no root has, or soon none: until then its blobs are known by this record alone. */
export interface StagedRecord {
  v: 1;
  pack: string;
  idx: string;
  bitmap?: string;
  /** Milliseconds since the epoch from which on it is left over; 0 when somebody is removing it. */
  until: number;
}
