// The set-up form: takes the one-time code out of the address at once, so that it stays in no history, and sends it
// with the first administrator's e-mail address and password. Nothing is kept in the browser.
const form = document.querySelector('form')
const status = document.querySelector('[role="status"]')
const button = form.querySelector('button')

const code = decodeURIComponent(location.hash.slice(1))
history.replaceState(null, '', location.pathname)
if (code !== '') {
  form.elements.code.value = code
  form.elements.code.closest('label').hidden = true
}

function showOutcome(text) {
  status.textContent = text
}

async function checkNeeded() {
  const response = await fetch('auth/setup')
  if (response.status === 404)
    return showOutcome('Set-up is switched off: the administrator comes from the environment.')
  const { needed } = await response.json()
  if (needed) return
  form.hidden = true
  showOutcome('Set-up is done already. Sign in instead.')
}

async function submitForm() {
  const { code, email, password, name } = form.elements
  const body = { code: code.value.trim(), email: email.value.trim(), password: password.value }
  if (name.value.trim() !== '') body.name = name.value.trim()
  const response = await fetch('auth/setup', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const answer = await response.json()
  if (!response.ok) return showOutcome(answer.error)
  form.reset()
  form.hidden = true
  showOutcome(`Done. ${answer.user.email} is the administrator. You can sign in now.`)
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  button.disabled = true
  showOutcome('One moment …')
  submitForm()
    .catch(() => showOutcome('UniRoute did not answer. Is it still running? Try again.'))
    .finally(() => {
      button.disabled = false
    })
})

checkNeeded().catch(() => showOutcome('UniRoute did not answer. Is it still running? Reload this page.'))
