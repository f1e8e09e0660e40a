// Every form either tells when something on it is unsaved, so that leaving asks, or stands here with the reason why
// not.
import { expect, test } from 'vitest'

const SOURCES: Record<string, string> = import.meta.glob('../**/*.vue', {
  query: '?raw',
  import: 'default',
  eager: true,
})
const FIELDS = /<(?:form|Field|TextArea|textarea|Switch)\b/
const TELLS = /:dirty=|useUnsaved\(|v-model:dirty/

const ASKS_NOTHING: Readonly<Record<string, string>> = {
  'ui/TextArea.vue': 'a field',
  'ui/TimeRange.vue': 'a filter, in the address',
  'features/operator/SettingsPage.vue': 'a search',
  'features/audit/AuditFilters.vue': 'filters, in the address',
  'features/usage/UsageFilters.vue': 'filters, in the address',
  'features/requests/RequestFilters.vue': 'filters, in the address',
  'features/models/Models.vue': 'filters, in the address',
  'features/routing/FallbackReasons.vue': 'saved at once',
  'features/profile/ProvePassword.vue': 'a password, for this moment',
  'features/profile/DeleteAccountDialog.vue': 'a password, for this moment',
  'features/profile/ConfirmFactor.vue': 'a code, for this moment',
  'features/api-keys/RotateDialog.vue': 'one choice, made anew in a moment',
  'features/api-keys/KeyAccess.vue': 'part of the sheet of an API key, which tells',
  'features/api-keys/LimitField.vue': 'part of sheets that tell',
  'features/models/OverrideForm.vue': 'tells its sheet',
  'features/playground/Composer.vue': 'part of the playground, which tells',
  'features/playground/SettingsForm.vue': 'parameters of the next question, nothing to be saved',
  'features/playground/ToolCalls.vue': 'what a tool would have answered, nothing to be saved',
  'features/requests/Requests.vue': 'the live switch',
  'features/shell/ShortcutHelp.vue': 'saved at once',
  'features/account/EncryptionCheck.vue': 'a switch, in a step of the set-up',
  'features/account/FirstApiKey.vue': 'a name, in a step of the set-up',
  'features/account/FirstAdmin.vue': 'nobody is signed in yet',
  'features/account/SignInForm.vue': 'nobody is signed in yet',
  'pages/reset.vue': 'nobody is signed in yet',
  'pages/register.vue': 'nobody is signed in yet',
  'pages/join.vue': 'the code of a link',
}

test('every form tells what is unsaved, or is named with the reason why it need not', () => {
  const silent = Object.entries(SOURCES)
    .filter(([, text]) => FIELDS.test(text) && !TELLS.test(text))
    .map(([file]) => file.replace(/^\.\.\//, '').replace(/^\.\//, 'ui/'))
  expect(silent.toSorted()).toEqual(Object.keys(ASKS_NOTHING).toSorted())
})
