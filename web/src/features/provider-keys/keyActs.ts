// What can be done with one key.
export type KeyAct = 'test' | 'replace' | 'share' | 'edit' | 'up' | 'down' | 'disable' | 'enable' | 'delete'
