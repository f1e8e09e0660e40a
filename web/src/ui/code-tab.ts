// One of several languages in which the same is said.
export interface CodeTab {
  readonly id: string
  readonly label: string
  readonly code: string
  /** What has to be there first, for example `npm install openai`. */
  readonly note?: string
}
