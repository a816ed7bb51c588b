import type { Worker } from 'node:cluster'

/** A message of node:cluster that hands a connection to a worker, or says whether that took it. */
interface Internal {
  cmd?: string
  act?: string
  seq?: number
  ack?: number
}

const CLUSTER = 'NODE_CLUSTER'
/** How often, and how many times, it is looked whether all has been read that a dead worker has said. */
const LOOK = { everyMs: 10, times: 100 }

/**
 * Gives connections back that were on their way to a worker when it died: `node:cluster` waits for ever for its answer, and the
 * client with it. It is told that the worker did not take them, as one that shuts down says, and hands them to others. This
 * goes by messages that Node does not document; should they change, a client waits, as it does without this.
 */
export function returnUnaccepted({ process: child }: Worker): void {
  const onTheirWay = new Set<number>()
  let isDisconnected = false
  const { send } = child as { send: (...args: unknown[]) => boolean }

  child.send = function sendToWorker(...args: unknown[]) {
    const { cmd, act, seq } = (args[0] ?? {}) as Internal
    if (cmd === CLUSTER && act === 'newconn' && seq !== undefined) onTheirWay.add(seq)
    return send.apply(child, args)
  } as typeof child.send
  child.on('internalMessage', ({ cmd, ack }: Internal) => {
    if (cmd === CLUSTER && ack !== undefined) onTheirWay.delete(ack)
  })
  // Not before: what a dead worker has said may still be read until then.
  child.once('disconnect', () => {
    isDisconnected = true
    for (const ack of [...onTheirWay])
      child.emit('internalMessage', { cmd: CLUSTER, ack, accepted: false })
  })

  /** While a dead worker owes an answer Node has not disconnected it, and never will: it would stay among those that serve. */
  function disconnect(left: number): void {
    if (isDisconnected || left === 0) return
    // Once all is read that it has said.
    if (!child.connected && onTheirWay.size > 0) child.emit('disconnect')
    else setTimeout(disconnect, LOOK.everyMs, left - 1).unref()
  }
  child.once('exit', () => setTimeout(disconnect, LOOK.everyMs, LOOK.times).unref())
}
