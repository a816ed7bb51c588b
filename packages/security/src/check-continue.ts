import type { IncomingMessage, Server, ServerResponse } from 'node:http'

/**
 * For `Expect: 100-continue` (RFC 9110 §10.1.1): the request goes to the app as any other, and `100 Continue` is sent
 * when something begins to read the body. So a client that fails authentication gets its 401 instead of an invitation
 * to upload, and one that passes need not wait. After an answer without 100 Node closes the connection.
 */
export function onCheckContinue(this: Server, req: IncomingMessage, res: ServerResponse): void {
  const read = req._read
  req._read = function inviteAndRead(size) {
    req._read = read
    if (!res.headersSent) res.writeContinue()
    read.call(req, size)
  }
  this.emit('request', req, res)
}
