// Who is signed in, in all tabs of this browser. The access token lives here, in memory; the refresh token in a cookie no
// script can read. Tabs tell each other new tokens, and only one of them refreshes at a time where the browser has locks
// (elsewhere the server forgives two refreshes within 30 s).
// When a session ends under somebody's hands, calls wait for the sign-in that opens over the page, so no draft is lost.
import type { SessionAnswer, User } from '../../../contract/accounts.ts'
import { ApiError, send } from './api/send.ts'

/**
 * unknown: not asked yet · expired: was signed in on this page, and has to prove it again · enrolling: signed in, and has
 * to add a second factor before anything else is open.
 */
export type SessionState = 'unknown' | 'in' | 'enrolling' | 'out' | 'expired'
type Listener = (state: SessionState, user: User | null) => void
type Message = { readonly kind: 'signed-in'; readonly answer: SessionAnswer } | { readonly kind: 'signed-out' }

/** Not a secret: spares a browser that was never signed in here a call that must fail. */
const MARK = 'uniroute-signed-in'
const LOCK = 'uniroute-refresh'

let state: SessionState = 'unknown'
let token: string | null = null
let user: User | null = null
let refreshing: Promise<boolean> | null = null
let again: { promise: Promise<void>; resolve: () => void; reject: (reason: Error) => void } | null = null
const listeners = new Set<Listener>()
const channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('uniroute-session')

channel?.addEventListener('message', ({ data }: MessageEvent<Message>) => {
  if (data.kind === 'signed-out') leave()
  else if (user === null || user.id === data.answer.user.id) accept(data.answer)
  // Another account in another tab has replaced the cookie: what stands on this page is not theirs to see.
  else location.reload()
})

export const readToken = (): string | null => token
export const readState = (): SessionState => state

/** Called at once and on every change. */
export function watchSession(listener: Listener): void {
  listeners.add(listener)
  listener(state, user)
}

/** Takes over what a sign-in, set-up or refresh answered, here and in the other tabs. */
export function signIn(answer: SessionAnswer): void {
  if (user !== null && user.id !== answer.user.id) return location.reload()
  accept(answer)
  tell({ kind: 'signed-in', answer })
}

/** The account itself changed: its name, for example. */
export function updateUser(next: User): void {
  if (user?.id !== next.id) return
  user = next
  change(state)
}

/** An answer said that a second factor is demanded from now on. */
export function demandFactor(): void {
  if (state === 'in') change('enrolling')
}

/** On the first page: is there a session from before? */
export async function restoreSession(): Promise<void> {
  if (state !== 'unknown') return
  if (!hasMark() || !(await refreshSession(null))) change('out')
}

/** A new access token; false where there is no session any more. `stale`: the token that was refused. */
export function refreshSession(stale: string | null): Promise<boolean> {
  refreshing ??= withLock(() => refreshNow(stale)).finally(() => (refreshing = null))
  return refreshing
}

/** Waits until somebody has signed in over the page; throws when they leave instead. */
export function waitForSignIn(): Promise<void> {
  if (!again) again = Promise.withResolvers<void>()
  change('expired')
  return again.promise
}

export async function signOut(): Promise<void> {
  await send('POST', 'auth/logout').catch((error: unknown) => {
    // Whoever has no session any more is signed out already.
    if (!(error instanceof ApiError) || error.status !== 401) throw error
  })
  endSession()
}

/** The server ended it: here and in the other tabs nothing of it stays. */
export function endSession(): void {
  tell({ kind: 'signed-out' })
  leave()
}

/** The other tabs; a channel reaches pages of this origin only. */
function tell(message: Message): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  channel?.postMessage(message)
}

async function refreshNow(stale: string | null): Promise<boolean> {
  // While this tab waited for its turn another one may have told it a new token.
  if (token !== null && token !== stale) return true
  try {
    signIn(await send<SessionAnswer>('POST', 'auth/refresh'))
    return true
  } catch (error) {
    if (error instanceof ApiError && (error.status === 401 || error.status === 403)) return false
    throw error
  }
}

function withLock(work: () => Promise<boolean>): Promise<boolean> {
  // Plain http has no locks.
  return navigator.locks ? navigator.locks.request(LOCK, work) : work()
}

function accept(answer: SessionAnswer): void {
  token = answer.token
  user = answer.user
  setMark(true)
  change(answer.must_add_second_factor ? 'enrolling' : 'in')
  again?.resolve()
  again = null
}

function leave(): void {
  token = null
  user = null
  setMark(false)
  again?.reject(new ApiError({ status: 401, code: 'signed_out', message: 'You are signed out.' }))
  again = null
  change('out')
}

function change(next: SessionState): void {
  state = next
  for (const listener of listeners) listener(state, user)
}

function hasMark(): boolean {
  return storage()?.getItem(MARK) === 'yes'
}

function setMark(present: boolean): void {
  if (present) storage()?.setItem(MARK, 'yes')
  else storage()?.removeItem(MARK)
}

/** Browsers may refuse storage altogether. */
function storage(): Storage | null {
  try {
    return window.localStorage
  } catch (error) {
    if (error instanceof DOMException) return null
    throw error
  }
}
