/** What a feature adds to what a node tells the others of itself: `cluster.nodes` shows it. */
export interface Announcement {
  /**
   * Types of jobs that this node runs. Asked for at the start and about every second; must not wait for anything. Names of
   * more than 256 characters, and those beyond 1,000, are left out.
   */
  jobTypes(): readonly string[];
}
