// A mutant is found by any input that shows it: looking for a smaller one would only take time.
import fc from 'fast-check'

fc.configureGlobal({ ...fc.readConfigureGlobal(), endOnFailure: true })
