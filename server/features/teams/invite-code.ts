// The codes of invitations to teams: 32 random bytes in a link; only their SHA-256 is kept.
import { hash, randomBytes } from 'node:crypto'

export function generateTeamCode(): string {
  return randomBytes(32).toString('base64url')
}

export function digestTeamCode(code: string): string {
  return hash('sha256', code, 'hex')
}
