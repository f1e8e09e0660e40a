// The kinds of things that are noted, by the beginning of their names.
export const AUDIT_KINDS = [
  'key',
  'api-key',
  'session',
  'sign-in',
  'user',
  'team',
  'lease',
  'routing',
  'alias',
  'encryption',
  'setup',
] as const
