import { Server, type ServerOptions } from '@modelcontextprotocol/sdk/server/index.js'
import { Protocol } from '@modelcontextprotocol/sdk/shared/protocol.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { RequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/sdk/validation/ajv-provider.js'
import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server'
import { type CancelledZero, cancelledZero } from './cancelled-zero.js'
import { type AnyExtra, withRequestInfo } from './request-info.js'

type Schema = Parameters<Server['setRequestHandler']>[0]
type Handler = (request: unknown, extra: AnyExtra) => unknown

/** One of its own for each use: it keeps every schema that it was ever given. */
const jsonSchemaValidator: NonNullable<ServerOptions['jsonSchemaValidator']> = {
  getValidator: (schema) => new AjvJsonSchemaValidator().getValidator(schema),
}

/**
 * The low-level server of SDK v1 without what it says too much: to a request of the wrong shape it answers -32603 with its
 * validator's text, which quotes the request, and to any failure with that failure's text.
 */
export class CheckedServer extends Server {
  #zero: CancelledZero | undefined

  constructor(info: { name: string; version: string }, options: ServerOptions) {
    super(info, { ...options, jsonSchemaValidator })
    this.#zero = cancelledZero()
  }

  /** That of `Server` checks the shape of a tool's result and request once more, and says in the validator's words what is wrong. */
  override setRequestHandler(schema: Schema, handler: never): void {
    const answer = handler as Handler
    Protocol.prototype.setRequestHandler.call(this, anyOf(schema), async (request, extra) => {
      const parsed = (schema as typeof RequestSchema).safeParse(request)
      const { method } = request as { method: string }
      if (!parsed.success)
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Invalid params for ${method}`)
      try {
        return (await answer(parsed.data, this.#zero?.heard(extra) ?? extra)) as object
      } catch (error) {
        if (error instanceof ProtocolError) throw error
        this.onerror?.(error as Error)
        throw new ProtocolError(ProtocolErrorCode.InternalError, 'Internal error')
      }
    })
  }

  /** To a server without tasks the wish for one is nothing (2025-11-25, basic/utilities/tasks); the SDK answers with an error. */
  protected override assertTaskHandlerCapability(): void {}

  override async connect(transport: Transport): Promise<void> {
    await super.connect(transport)
    const { onmessage } = transport
    transport.onmessage = (message, extra) => {
      this.#zero?.hear(message)
      onmessage?.(message, withRequestInfo(extra))
    }
  }
}

const permissive = new WeakMap<Schema, typeof RequestSchema>()

/** A schema that any request of the method fits. */
function anyOf(schema: Schema): typeof RequestSchema {
  const known = permissive.get(schema)
  if (known) return known
  const { method } = (schema as typeof RequestSchema).shape
  const made = RequestSchema.pick({ method: true }).extend({ method }).loose()
  permissive.set(schema, made as unknown as typeof RequestSchema)
  return made as unknown as typeof RequestSchema
}
