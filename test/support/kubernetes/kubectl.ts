import { missing } from '../faults/components.js'

/** Debian's own is of 2020, and its kustomize knows no components. */
export const cannot = missing('kubectl 1.27 or newer', [
  'sh',
  '-c',
  'kubectl version --client | grep -E "v1[.](2[7-9]|[3-9][0-9])[.]"',
])
