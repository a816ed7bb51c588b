#!/bin/sh
# Goes back to the revision before, or to the one that is named, and waits until it serves.
#   sh deploy/kubernetes/rollback.sh production [revision]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  echo "usage: sh deploy/kubernetes/rollback.sh <overlay> [revision]" >&2
  exit 2
fi
overlay=$1 revision=${2:-}
if [ ! -f "$here/overlays/$overlay/kustomization.yaml" ]; then
  echo "rollback: no overlay $overlay; there are: $(cd "$here/overlays" && echo *)" >&2
  exit 2
fi
if [ -z "${KUBERNETES_SERVICE_HOST:-}" ] && ! kubectl config current-context >/dev/null 2>&1; then
  echo "rollback: kubectl has no context: kubectl config use-context <cluster of $overlay>" >&2
  exit 2
fi
namespace=$(sed -n 's/^namespace: *//p' "$here/overlays/$overlay/kustomization.yaml")
: "${namespace:?none in the kustomization of $overlay}"
deployment=deployment/my-server
case $overlay in *-canary) deployment=deployment/my-server-canary ;; esac
on() { kubectl --namespace "$namespace" "$@"; }

echo "rollback: $deployment in $namespace, context $(kubectl config current-context || echo none)"
on rollout history "$deployment"
on rollout undo "$deployment" ${revision:+"--to-revision=$revision"}
on rollout status "$deployment" --timeout="${ROLLOUT_TIMEOUT:-15m}"
on get "$deployment" --output wide
echo 'rollback: done. The next deploy goes forward again: take the change back in Git, too.'
