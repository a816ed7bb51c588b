import type { Mask, Place, Run } from './masking.js'
import { hasMethods } from './options.js'

/** The arguments of a registration: the template of resources where there is one, and the author's function or task handler last. */
export function maskAll(given: unknown[], mask: Mask, place: Place): unknown[] {
  return given.map((argument, index) => {
    if (isTemplate(argument)) return maskTemplate(argument, mask, place)
    return index === given.length - 1 ? maskCallback(argument, mask, place) : argument
  })
}

/** What is registered can be given another function or template later. */
export function maskUpdates(registered: unknown, mask: Mask, place: Place): unknown {
  if (!hasMethods(registered, 'update')) return registered
  const object = registered as { update: Run }
  const update = object.update
  object.update = function updateMasked(updates) {
    const { callback, template } = Object(updates) as { callback?: unknown; template?: unknown }
    return update.call(object, {
      ...Object(updates),
      ...(callback !== undefined && { callback: maskCallback(callback, mask, place) }),
      ...(isTemplate(template) && { template: maskTemplate(template, mask, place) }),
    })
  }
  return registered
}

/** Of a tool that runs as a task. */
const TASK_METHODS = ['createTask', 'getTask', 'getTaskResult']

function maskCallback(callback: unknown, mask: Mask, place: Place): unknown {
  if (typeof callback === 'function') return mask(callback as Run, () => place)
  if (!hasMethods(callback, 'createTask')) return callback
  const handler = callback as Record<string, Run>
  const methods = TASK_METHODS.filter((name) => hasMethods(handler, name)).map((name) => {
    const run = handler[name] as Run
    return [name, { value: mask(run.bind(handler), () => place), enumerable: true }] as const
  })
  return Object.create(handler, Object.fromEntries(methods))
}

interface Template {
  uriTemplate: unknown
  listCallback: unknown
  completeCallback: Run
}

function isTemplate(value: unknown): value is Template {
  return hasMethods(value, 'completeCallback') && 'uriTemplate' in Object(value)
}

/** One that answers as the given one does, which may be registered at other servers too. */
function maskTemplate(template: Template, mask: Mask, place: Place): unknown {
  const masked = (run: unknown) => (run ? mask(run as Run, () => place) : undefined)
  return Object.create(template, {
    uriTemplate: { get: () => template.uriTemplate },
    listCallback: { get: () => masked(template.listCallback) },
    completeCallback: { value: (variable: unknown) => masked(template.completeCallback(variable)) },
  })
}
