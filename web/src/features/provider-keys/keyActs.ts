// What can be done with one key.
export type KeyAct = 'test' | 'replace' | 'edit' | 'up' | 'down' | 'disable' | 'enable' | 'delete'
