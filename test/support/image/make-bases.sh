#!/usr/bin/env bash
# Makes the two base images that the generated Dockerfile asks for, where no registry of images can be reached: from Node's
# binary and npm (of the npm registry) and Debian's packages. They are laid out as the real ones are.
#   make-bases.sh <tag of the builder> <tag of the runtime>
set -euo pipefail
builder=$1 runtime=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{debs,npm,builder,runtime}

# Debian's packages, with what they depend on, of the release that this machine has.
closure() { apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$@" | grep '^[a-z0-9]' | sort -u; }
mapfile -t runtime_packages < <(closure libstdc++6)
mapfile -t builder_packages < <(closure dash coreutils findutils grep sed libstdc++6 | grep -vE '^(debconf|perl|cdebconf|adduser)')
(cd "$work/debs" && apt-get download -qq -o APT::Sandbox::User=root "${builder_packages[@]}" ca-certificates base-files >/dev/null)
unpack() { # <root> <package>…
  local root=$1 package
  shift
  for package in "$@"; do dpkg-deb -x "$work"/debs/"$package"_*.deb "$root"; done
}
unpack "$work/builder" "${builder_packages[@]}" base-files
unpack "$work/runtime" "${runtime_packages[@]}"

# Node of the LTS line, and the npm that came with it or is newer.
case $(uname -m) in x86_64) arch=x64 ;; aarch64) arch=arm64 ;; *) echo "no Node for $(uname -m)" >&2 && exit 1 ;; esac
(cd "$work/npm" && npm pack --silent "node-linux-$arch@24" npm@11 >/dev/null && for each in *.tgz; do
  mkdir "${each%.tgz}" && tar -xzf "$each" -C "${each%.tgz}" --strip-components=1 && rm "$each"
done)
mkdir -p "$work/builder/usr/local"/{bin,lib/node_modules} "$work/runtime/nodejs/bin"
install -m 755 "$work"/npm/node-linux-*/bin/node "$work/builder/usr/local/bin/node"
install -m 755 "$work"/npm/node-linux-*/bin/node "$work/runtime/nodejs/bin/node"
mv "$work"/npm/npm-* "$work/builder/usr/local/lib/node_modules/npm"
for each in npm npx; do ln -s "../lib/node_modules/npm/bin/$each-cli.js" "$work/builder/usr/local/bin/$each"; done

for root in "$work/builder" "$work/runtime"; do
  mkdir -p "$root"/{etc/ssl/certs,tmp,root,proc,sys,dev,home/nonroot}
  chmod 1777 "$root/tmp"
  chown 65532:65532 "$root/home/nonroot"
  printf 'root:x:0:0:root:/root:/sbin/nologin\nnode:x:1000:1000::/home/nonroot:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnode:x:1000:\nnonroot:x:65532:\n' >"$root/etc/group"
  printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
done
mkdir "$work/certificates"
unpack "$work/certificates" ca-certificates
cat "$work"/certificates/usr/share/ca-certificates/mozilla/*.crt >"$work/runtime/etc/ssl/certs/ca-certificates.crt"
# The builder asks the npm registry, and so trusts whom this machine trusts.
cp /etc/ssl/certs/ca-certificates.crt "$work/builder/etc/ssl/certs/"
# No documentation, and of the runtime nothing but libraries.
rm -rf "$work"/{builder,runtime}/usr/share/{doc,man,locale,info,lintian} "$work/runtime/usr/share"

commit() { # <root> <tag> <config…>
  local root=$1 tag=$2 container
  shift 2
  container=$(buildah from scratch)
  buildah copy --quiet "$container" "$root" / >/dev/null
  buildah config "$@" "$container"
  buildah commit --quiet --rm "$container" "$tag" >/dev/null
}
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
commit "$work/builder" "$builder" --env "PATH=$path" --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt --cmd '["node"]'
commit "$work/runtime" "$runtime" --env "PATH=$path" --env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
  --user 65532 --workingdir /home/nonroot --entrypoint '["/nodejs/bin/node"]'
echo "made $builder and $runtime"
