const CODE = 'ERR_TOOLS_RESOURCE_NOT_FOUND'

/** Thrown where a resource is read: there is none. The caller gets the protocol's error for it, without this text. */
export class ResourceNotFoundError extends Error {
  override name = 'ResourceNotFoundError'
  readonly code = CODE
}

/** By its code, since an error that comes from a thread has lost its class. */
export function isNotFound(error: unknown): boolean {
  return (error as { code?: unknown } | undefined)?.code === CODE
}
