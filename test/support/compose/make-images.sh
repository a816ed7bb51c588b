#!/usr/bin/env bash
# Makes images of HAProxy, Redis and Prometheus from Debian's packages, as far as compose.yaml asks for them: for machines
# that reach no registry of images. They are older than those named there.
#   make-images.sh <prefix>    gives <prefix>/haproxy, <prefix>/redis and <prefix>/prometheus
set -euo pipefail
prefix=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/debs"

closure() { apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$@" | grep '^[a-z0-9]' | sort -u; }
# What only installs, and what no container starts.
skipped='^(adduser|base-passwd|cdebconf|daemon|debconf.*|init-system-helpers|login|lsb-base|passwd|perl.*|procps|sysvinit-utils|systemd.*|udev|util-linux|libperl.*|prometheus-node-exporter.*|smartmontools|moreutils|.*:any|awk|mawk|lib(io|ipc|time).*-perl)$'

image() { # <name> <path of its program> <user> <entrypoint and command, as JSON> <package>…
  local name=$1 program=$2 user=$3 entrypoint=$4 command=$5 root="$work/$1" packages container
  shift 5
  mkdir -p "$root"/{bin,etc,tmp,data,prometheus}
  mapfile -t packages < <(closure "$@" | grep -vE "$skipped")
  (cd "$work/debs" && apt-get download -qq -o APT::Sandbox::User=root "${packages[@]}" busybox-static >/dev/null)
  for package in "${packages[@]}" busybox-static; do dpkg-deb -x "$work"/debs/"$package"_*.deb "$root"; done
  for applet in sh wget grep; do [ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"; done
  mkdir -p "$root/usr/local/bin"
  ln -sf "$program" "$root/usr/local/bin/"
  printf 'root:x:0:0::/:/bin/sh\nhaproxy:x:99:99::/:/bin/sh\nredis:x:999:999::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$root/etc/passwd"
  printf 'root:x:0:\nhaproxy:x:99:\nredis:x:999:\nnogroup:x:65534:\n' >"$root/etc/group"
  chmod 1777 "$root/tmp" "$root/data" "$root/prometheus"
  rm -rf "$root"/usr/share/{doc,man,locale} "$root/etc/haproxy" "$root/etc/redis" "$root/etc/prometheus"
  container=$(buildah from scratch)
  buildah copy --quiet "$container" "$root" / >/dev/null
  buildah config --user "$user" --env PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  buildah config --entrypoint "$entrypoint" --cmd "$command" "$container"
  buildah commit --quiet --rm "$container" "$prefix/$name" >/dev/null
  echo "made $prefix/$name"
}
image haproxy /usr/sbin/haproxy haproxy '[]' '["haproxy","-W","-db","-f","/usr/local/etc/haproxy/haproxy.cfg"]' haproxy
image redis /usr/bin/redis-server redis '[]' '["redis-server"]' redis-server redis-tools
image prometheus /usr/bin/prometheus nobody '["prometheus"]' '[]' prometheus
