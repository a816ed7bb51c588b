import type { Balancer, Replicas, StartBalancer } from './balancer.js'
import { digestLater } from './digest-later.js'
import { startLoad } from './load.js'
import { fixedPorts } from './ports.js'
import type { Project } from './project.js'
import { answeredBy, type Name, type Replica, startReplica } from './replica.js'
import { newTally, type Tally } from './tally.js'
import { watchedFetch } from './wire.js'

/** What came of a run. */
export interface Run {
  tally: Tally
  restarts: number
  exitCodes: (number | null)[]
  /** Milliseconds from the signal to the end of the process. */
  drainsMs: number[]
  /** Milliseconds from the signal until the balancer sent no more requests. */
  noticesMs: number[]
  /** Calls of the tool that the replicas' logs tell of. */
  answered: number
  complaints: string[]
}

interface Options {
  project: Project
  startBalancer: StartBalancer
  /** Which is restarted, one after the other. */
  order: readonly Name[]
  signal: NodeJS.Signals
}

/** Two replicas behind a balancer, under load, of which one after the other is stopped and started anew. */
export async function rollingRestart(options: Options): Promise<Run> {
  const { project, startBalancer, order, signal } = options
  const [port = 0, adminPort = 0, otherPort = 0, otherAdminPort = 0] = await fixedPorts(4)
  const ports: Replicas = {
    a: { port, adminPort },
    b: { port: otherPort, adminPort: otherAdminPort },
  }
  const replicas = {
    a: await startReplica(project, 'a', ports.a),
    b: await startReplica(project, 'b', ports.b),
  }
  const balancer = await startBalancer(ports)
  const run = newRun()
  const { tally } = run
  const load = startLoad({ url: balancer.url, key: project.key, fetch: watchedFetch(tally) }, tally)
  try {
    for (const replica of Object.values(replicas)) await load.settled(replica.process.pid)
    for (const name of order) {
      await stop(replicas[name], signal, run, balancer)
      replicas[name] = await startReplica(project, name, ports[name])
      await balancer.join(name)
      await load.settled(replicas[name].process.pid)
      run.restarts++
    }
    run.complaints = balancer.complaints()
  } finally {
    await load.stop()
    await balancer.stop()
  }
  await Promise.all(Object.values(replicas).map((replica) => stop(replica, signal, run)))
  return run
}

function newRun(): Run {
  return {
    tally: newTally(),
    restarts: 0,
    exitCodes: [],
    drainsMs: [],
    noticesMs: [],
    answered: 0,
    complaints: [],
  }
}

async function stop(replica: Replica, signal: NodeJS.Signals, run: Run, balancer?: Balancer) {
  const from = performance.now()
  const since = () => performance.now() - from
  replica.process.kill(signal)
  await Promise.all([
    replica.exited.then((code) => {
      run.drainsMs.push(since())
      run.exitCodes.push(code)
    }),
    balancer?.leave(replica.name).then(() => run.noticesMs.push(since())),
  ])
  run.answered += answeredBy(replica, digestLater.name)
}
