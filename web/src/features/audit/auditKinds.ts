// The kinds of things that are noted, by the beginning of their names.
export const AUDIT_KINDS = [
  'key',
  'api-key',
  'session',
  'sign-in',
  'sign-in-rules',
  'user',
  'team',
  'lease',
  'routing',
  'alias',
  'model-override',
  'invite',
  'usage',
  'audit',
  'encryption',
  'setup',
] as const
