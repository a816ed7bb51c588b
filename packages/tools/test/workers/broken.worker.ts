export function run() {
  return 'never reached'
}

throw new Error('password=hunter2')
