#!/bin/sh
# deploy/prometheus/alerts.yml as the Prometheus Operator takes it. Once for each Prometheus, however many servers:
#   sh deploy/kubernetes/prometheus-rule.sh | kubectl apply --namespace monitoring -f -
set -eu
cat <<END
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: my-server
spec:
END
sed 's/^./  &/' "$(dirname "$0")/../prometheus/alerts.yml"
