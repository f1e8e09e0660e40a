// Who is signed in, in all tabs of this browser. The access token lives here, in memory; the refresh token in a cookie
// no script can read. Tabs tell each other new tokens, and only one of them refreshes at a time where the browser has
// locks (elsewhere the server forgives two refreshes within 30 s).
// When a session ends under somebody's hands, calls wait for the sign-in that opens over the page, so no draft is lost.
import type { SessionAnswer, User } from '../../../contract/accounts.ts'
import { ApiError, send } from './api/send.ts'
import { proving } from './proof.ts'
import { forgetUnsaved } from './unsaved.ts'

/**
 * unknown: not asked yet · expired: was signed in on this page, and has to prove it again · enrolling: signed in, and
 * has to add a second factor before anything else is open.
 */
export type SessionState = 'unknown' | 'in' | 'enrolling' | 'out' | 'expired'
type Listener = (state: SessionState, user: User | null) => void
type Message = { readonly kind: 'signed-in'; readonly answer: SessionAnswer } | { readonly kind: 'signed-out' }

/** Not a secret: spares a browser that was never signed in here a call that must fail. */
const MARK = 'uniroute-signed-in'
const LOCK = 'uniroute-refresh'
/** What does not answer by then is told; the other tabs wait for their turn no longer than this. */
const LONGEST_REFRESH_MS = 15_000
const LONGEST_TURN_MS = 20_000

let state: SessionState = 'unknown'
let token: string | null = null
let user: User | null = null
let refreshing: Promise<boolean> | null = null
/** Counts log-outs: what was under way before one is of nobody any more. */
let era = 0
let again: { promise: Promise<void>; resolve: () => void; reject: (reason: Error) => void } | null = null
const listeners = new Set<Listener>()
const channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('uniroute-session')

channel?.addEventListener('message', ({ data }: MessageEvent<Message>) => {
  if (data.kind === 'signed-out') leave()
  else if (user === null || user.id === data.answer.user.id) accept(data.answer)
  else startOver()
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
  if (user !== null && user.id !== answer.user.id) return startOver()
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
  if (state === 'out') return Promise.resolve(false)
  refreshing ??= withLock(() => refreshNow(stale)).finally(() => (refreshing = null))
  return refreshing
}

/** Waits until somebody has signed in over the page; throws when they leave instead. */
export function waitForSignIn(): Promise<void> {
  // What was still being read for somebody who has left asks nobody to sign in.
  if (state === 'out') return Promise.reject(signedOut())
  if (!again) again = Promise.withResolvers<void>()
  change('expired')
  return again.promise
}

export async function signOut(): Promise<void> {
  // In turn with the refreshes of all tabs: none of them brings back what ends here.
  await withLock(() =>
    send('POST', 'auth/logout').catch((error: unknown) => {
      // Whoever has no session any more is signed out already.
      if (!(error instanceof ApiError) || error.status !== 401) throw error
    }),
  )
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
  const before = era
  try {
    const signal = AbortSignal.timeout(LONGEST_REFRESH_MS)
    const answer = await send<SessionAnswer>('POST', 'auth/refresh', { signal })
    if (era !== before) return false
    signIn(answer)
    return true
  } catch (error) {
    if (error instanceof ApiError && (error.status === 401 || error.status === 403)) return false
    throw error
  }
}

/** One tab after the other; a tab that never gives its turn back is passed over. */
function withLock<Result>(work: () => Promise<Result>): Promise<Result> {
  // Plain http has no locks.
  if (!navigator.locks) return work()
  let isOurs = false
  const turn = navigator.locks.request(LOCK, { signal: AbortSignal.timeout(LONGEST_TURN_MS) }, () => {
    isOurs = true
    return work()
  })
  return turn.catch((error: unknown) => {
    if (isOurs) throw error
    return work()
  })
}

/** Another account has replaced the cookie: what stands on this page is not theirs to see. */
function startOver(): void {
  forgetUnsaved()
  location.reload()
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
  era++
  token = null
  user = null
  setMark(false)
  forgetUnsaved()
  again?.reject(signedOut())
  again = null
  proving.value?.answer(false)
  change('out')
}

const signedOut = (): ApiError => new ApiError({ status: 401, code: 'signed_out', message: 'You are signed out.' })

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
