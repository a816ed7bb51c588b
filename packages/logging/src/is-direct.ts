import winston from 'winston'

const { write } = Object.getPrototypeOf(winston.Logger.prototype)

/**
 * Tells whether all that winston would do with a line of the logger, as it is now, is to hand it to its own transport: then the
 * way through winston's streams, which costs as much as making the line, can be left out. Anybody may have added a transport,
 * a listener or a format meanwhile, ended or silenced it, or patched a method; lines that still wait there come first.
 */
export function createIsDirect(
  logger: winston.Logger,
  transport: winston.transports.StreamTransportInstance,
): () => boolean {
  const { format } = logger
  const { log } = transport

  function isUnchanged(): boolean {
    const isOurs = logger.format === format && logger.write === write && transport.log === log
    return isOurs && !transport.format && !logger.silent && !transport.silent
  }

  function isIdle(): boolean {
    const waiting = logger.writableLength + logger.readableLength + transport.writableLength
    return waiting === 0 && logger.readableFlowing === true && logger.writable && transport.writable
  }

  return function isDirect() {
    const { transports } = logger
    const isAlone = transports.length === 1 && transports[0] === transport
    return isAlone && logger.listenerCount('data') === 1 && isUnchanged() && isIdle()
  }
}
