import { IncomingMessage, ServerResponse } from 'node:http'
import type { Express, Request, Response } from 'express'

export interface AppClasses {
  IncomingMessage: typeof IncomingMessage
  ServerResponse: typeof ServerResponse
}

const classesOfApps = new WeakMap<Express, AppClasses>()

/**
 * Classes for `http.createServer` whose prototypes are the app's own `app.request` and `app.response`. Express gives
 * each request and response these prototypes by `Object.setPrototypeOf`, which on Node 20 and 22 costs two thirds of
 * its throughput (expressjs/express#5998); on an object that has them already it does nothing.
 */
export function appClasses(app: Express): AppClasses {
  const known = classesOfApps.get(app)
  if (known) return known
  // Class syntax on purpose: functions as constructors are a fifth slower on Node 24.
  class AppRequest extends IncomingMessage {}
  class AppResponse<R extends IncomingMessage> extends ServerResponse<R> {}
  app.request = replacePrototype(app.request, AppRequest.prototype) as Request
  app.response = replacePrototype(app.response, AppResponse.prototype) as Response
  const classes = { IncomingMessage: AppRequest, ServerResponse: AppResponse }
  classesOfApps.set(app, classes)
  return classes
}

/**
 * Moves the properties (`app` and those that users added) to the new object and leaves the old one as an empty link
 * to it: apps mounted earlier inherit from the old one and see what is added later.
 */
function replacePrototype(old: object, fresh: object): object {
  const { constructor: _, ...properties } = Object.getOwnPropertyDescriptors(old)
  Object.setPrototypeOf(fresh, Object.getPrototypeOf(old))
  Object.defineProperties(fresh, properties)
  for (const key of Reflect.ownKeys(old)) Reflect.deleteProperty(old, key)
  Object.setPrototypeOf(old, fresh)
  return fresh
}
