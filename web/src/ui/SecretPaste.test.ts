// The field for secrets: nothing of what is pasted reaches the page, and nobody but a hand fills it.
import { mount } from '@vue/test-utils'
import { expect, test } from 'vitest'
import { i18n } from '../i18n.ts'
import SecretPaste from './SecretPaste.vue'

const KEY = 'sk-proj-0123456789CANARYabcd'

function open() {
  const seen: string[] = []
  const look = (secret: string): string => {
    seen.push(secret)
    return 'openai'
  }
  const wrapper = mount(SecretPaste, { props: { label: 'Key', look }, global: { plugins: [i18n] } })
  return { wrapper, seen, input: wrapper.get('input') }
}

async function paste(wrapper: ReturnType<typeof open>['wrapper'], text: string): Promise<void> {
  const event = new Event('paste', { cancelable: true }) as Event & { clipboardData: unknown }
  event.clipboardData = { getData: () => text }
  wrapper.get('input').element.dispatchEvent(event)
  await wrapper.vm.$nextTick()
}

test('a pasted key is told by its length and its end, and stands nowhere in the page', async () => {
  const { wrapper } = open()
  await paste(wrapper, `  ${KEY} `)
  expect(wrapper.vm.read()).toBe(KEY)
  expect(wrapper.text()).toContain('28 characters')
  expect(wrapper.text()).toContain('ends abcd')
  expect(wrapper.html()).not.toContain('CANARY')
  expect(wrapper.get('input').element.value).toBe('')
  expect(JSON.stringify(wrapper.emitted('change'))).not.toContain('CANARY')
})

test('what comes later than the paste can be looked at again', async () => {
  const { wrapper, seen } = open()
  await paste(wrapper, KEY)
  wrapper.vm.lookAgain()
  expect(seen).toEqual([KEY, KEY])
  expect(wrapper.emitted('change')).toHaveLength(2)
})

test('a short key shows nothing of its end', async () => {
  const { wrapper } = open()
  await paste(wrapper, 'short-key')
  expect(wrapper.text()).toContain('9 characters')
  expect(wrapper.text()).not.toContain('ends')
})

test('what the browser fills in by itself is not taken', async () => {
  const { wrapper, input } = open()
  input.element.value = 'a password the browser remembered'
  await input.trigger('change')
  expect(wrapper.vm.read()).toBeNull()
  expect(input.element.value).toBe('')
})

test('what is filled in after a key was pressed is not taken either, and does not stay in the field', async () => {
  const { wrapper, input } = open()
  await input.trigger('keydown', { key: 'Tab' })
  for (const inputType of [undefined, 'insertReplacementText']) {
    input.element.value = 'a password the browser remembered'
    await input.trigger('input', { inputType })
    expect(input.element.value).toBe('')
    input.element.value = 'a password the browser remembered'
    await input.trigger('change')
    expect(wrapper.vm.read()).toBeNull()
    expect(input.element.value).toBe('')
  }
})

test('typing works, and Clear drops the secret', async () => {
  const { wrapper, input } = open()
  input.element.value = KEY
  await input.trigger('input', { inputType: 'insertText' })
  await input.trigger('change')
  expect(wrapper.vm.read()).toBe(KEY)
  await wrapper.get('button').trigger('click')
  expect(wrapper.vm.read()).toBeNull()
})
