// What is said beside a few words can be put away by whoever reads it, however they came there.
import { mount } from '@vue/test-utils'
import { expect, test } from 'vitest'
import { nextTick } from 'vue'
import Tooltip from './Tooltip.vue'

async function open(by: 'pointerenter' | 'focus') {
  const wrapper = mount(Tooltip, { props: { says: 'Exactly then' }, slots: { default: 'a while ago' } })
  await wrapper.get('span').trigger(by)
  await nextTick()
  expect(wrapper.find('[role=tooltip]').text()).toBe('Exactly then')
  return wrapper
}

test.each(['pointerenter', 'focus'] as const)(
  'Escape puts it away after %s, and closes nothing else; with nothing to put away it is everybody’s',
  async (by) => {
    const wrapper = await open(by)
    let heard = 0
    const hear = () => heard++
    document.addEventListener('keydown', hear)
    const press = () => document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))
    press()
    await nextTick()
    expect(wrapper.find('[role=tooltip]').exists()).toBe(false)
    expect(heard).toBe(0)
    press()
    expect(heard).toBe(1)
    document.removeEventListener('keydown', hear)
    wrapper.unmount()
  },
)
