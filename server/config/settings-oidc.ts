// The settings of signing in with a provider (OpenID Connect).
import * as kinds from './kinds.ts'

export const OIDC = {
  OIDC_ISSUER: {
    kind: kinds.issuer,
    default: null,
    absent: 'no such sign-in',
    example: 'https://login.example.com/realms/main',
    meaning:
      'The sign-in provider (OpenID Connect), as it names itself; the rest is discovered. Register `<PUBLIC_URL>/auth/oidc/callback` there ([recipe](recipes/single-sign-on.md)).',
  },
  OIDC_CLIENT_ID: {
    kind: kinds.anyText,
    default: null,
    example: 'uniroute',
    meaning: 'The name under which UniRoute is registered there.',
  },
  OIDC_CLIENT_SECRET: {
    kind: kinds.secretText,
    default: null,
    absent: 'a public client, by PKCE alone',
    example: 'as the provider shows it',
    meaning: 'Its secret.',
    secret: true,
  },
  OIDC_NAME: {
    kind: kinds.anyText,
    default: 'single sign-on',
    example: 'Example Login',
    meaning: 'What the button says: “Sign in with …”.',
  },
  OIDC_SCOPES: {
    kind: kinds.anyText,
    default: 'openid email profile',
    example: 'openid email profile groups',
    meaning: 'What is asked for there.',
  },
  OIDC_ROLE_CLAIM: {
    kind: kinds.anyText,
    default: null,
    absent: 'roles are given here',
    example: 'groups',
    meaning:
      'The claim with a person’s roles or groups there, `realm_access.roles` for one inside another. With it the provider decides at each sign-in who is an administrator; the last one stays.',
  },
  OIDC_ADMIN_ROLES: {
    kind: kinds.list,
    default: null,
    example: 'uniroute-admins',
    meaning: 'Which of those make an administrator.',
  },
} as const
