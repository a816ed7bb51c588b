#!/bin/sh
# Deploys an image with an overlay and waits until it serves; what does not is taken back.
#   sh deploy/kubernetes/deploy.sh production registry.example.com/my-server@sha256:…
set -eu
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -ne 2 ]; then
  echo "usage: sh deploy/kubernetes/deploy.sh <overlay> <image>" >&2
  exit 2
fi
overlay=$1 image=$2
if [ ! -f "$here/overlays/$overlay/kustomization.yaml" ]; then
  echo "deploy: no overlay $overlay; there are: $(cd "$here/overlays" && echo *)" >&2
  exit 2
fi
if [ -z "${KUBERNETES_SERVICE_HOST:-}" ] && ! kubectl config current-context >/dev/null 2>&1; then
  echo "deploy: kubectl has no context: kubectl config use-context <cluster of $overlay>" >&2
  exit 2
fi
timeout=${ROLLOUT_TIMEOUT:-15m}

# Under a name that may mean another image tomorrow, there would be nothing to go back to.
case $image in
  *[!A-Za-z0-9._:@/-]*) echo "deploy: $image is no name of an image" >&2; exit 2 ;;
esac
case ${image##*/} in
  *:latest) echo "deploy: $image may be another image tomorrow: name a version or a digest" >&2; exit 2 ;;
  *[:@]?*) ;;
  *) echo "deploy: $image has neither a version nor a digest" >&2; exit 2 ;;
esac
namespace=$(sed -n 's/^namespace: *//p' "$here/overlays/$overlay/kustomization.yaml")
: "${namespace:?none in the kustomization of $overlay}"
deployment=my-server
case $overlay in *-canary) deployment=my-server-canary ;; esac
on() { kubectl --namespace "$namespace" "$@"; }
revision() {
  on get deployment "$deployment" --ignore-not-found \
    --output 'jsonpath={.metadata.annotations.deployment\.kubernetes\.io/revision}'
}

# The overlay with this image; `rollout history` shows the cause.
with_image=$(mktemp -d "$here/overlays/.deploy-XXXXXX")
trap 'rm -rf "$with_image"' EXIT
trap 'exit 130' INT TERM
cat >"$with_image/kustomization.yaml" <<END
resources: [../$overlay]
patches:
  - target: { kind: Deployment }
    patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata:
        name: any
        annotations: { kubernetes.io/change-cause: '$image' }
      spec:
        template:
          spec:
            containers: [{ name: server, image: '$image' }]
END

echo "deploy: $image as $deployment in $namespace, context $(kubectl config current-context || echo none)"
before=$(revision)
# By it the next apply knows what to remove. Going back leaves it as the failed deploy wrote it.
applied=$(on get deployment "$deployment" --ignore-not-found \
  --output 'jsonpath={.metadata.annotations.kubectl\.kubernetes\.io/last-applied-configuration}')
if kubectl apply -k "$with_image"; then
  if on rollout status "deployment/$deployment" --timeout="$timeout"; then exit 0; fi
else
  # It may be applied in part. The cluster gives a changed deployment its new revision within this time.
  on rollout status "deployment/$deployment" --timeout=10s >&2 || true
fi

# What is known of the pods, before they are gone.
on get pods --output wide --selector app.kubernetes.io/name=my-server >&2 || true
on get events --field-selector type=Warning --sort-by=.lastTimestamp >&2 || true
after=$(revision)
if [ -z "$before" ]; then
  echo "deploy: FAILED, and there is no revision to go back to" >&2
elif [ "$after" = "$before" ]; then
  echo "deploy: FAILED; revision $before is still what was there before" >&2
else
  echo "deploy: FAILED, back to revision $before" >&2
  on rollout undo "deployment/$deployment" --to-revision="$before" >&2
  [ -z "$applied" ] || on annotate --overwrite "deployment/$deployment" \
    "kubectl.kubernetes.io/last-applied-configuration=$applied" >&2
  on rollout status "deployment/$deployment" --timeout="$timeout" >&2
  echo "deploy: it is revision $(revision) now; a rollback without a number would go to $after, which has failed" >&2
fi
exit 1
