// Signing out, and a word where the server did not hear of it: whoever believes to be signed out walks away.
import { useText } from '../i18n.ts'
import { signOut } from '../services/session.ts'
import { useToastStore } from '../stores/toasts.ts'

export function useSignOut(): () => Promise<void> {
  const text = useText()
  const toasts = useToastStore()
  return () => signOut().catch(() => toasts.show(text('navigation.stillIn')))
}
