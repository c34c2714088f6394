#!/bin/sh
# Installs Debian packages without leaving a new service behind: usage, as root, install_packages.sh PACKAGE...
# nginx, memcached, docker.io and varnish start their services when installed, and again at every boot. Here they are only
# programs that samekey starts itself, so services are refused during the installation (Debian's policy-rc.d) and
# units that came with it are disabled after it.
set -eu
export DEBIAN_FRONTEND=noninteractive

policy=/usr/sbin/policy-rc.d
saved=$policy.before-samekey
units='nginx.service memcached.service docker.service docker.socket containerd.service varnish.service varnishncsa.service'
unit_folders='/lib/systemd/system /usr/lib/systemd/system'

has_unit() { for folder in $unit_folders; do [ ! -e "$folder/$1" ] || return 0; done; return 1; }

refuses_services() { [ -x "$policy" ] && { code=0; "$policy" nginx start >/dev/null 2>&1 || code=$?; [ "$code" = 101 ]; }; }

restore_policy() { rm -f "$policy"; [ ! -e "$saved" ] || mv "$saved" "$policy"; }

if ! refuses_services; then
  trap restore_policy EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  [ ! -e "$policy" ] || mv "$policy" "$saved"
  # It refuses only while this shell lives: even if this shell is killed, the machine's services start as before.
  printf '#!/bin/sh\nkill -0 %d 2>/dev/null && exit 101\nexit 0\n' "$$" >"$policy"
  chmod 755 "$policy"
fi

new_units=
for unit in $units; do has_unit "$unit" || new_units="$new_units $unit"; done

# The lock timeout lets two installations (tests and demo) follow each other instead of failing.
install() { apt-get -o DPkg::Lock::Timeout=300 install -qq -y --no-install-recommends "$@"; }

# Package lists may be missing (a fresh machine) or so old that the files are gone; they are fetched only then.
install "$@" || { apt-get -o DPkg::Lock::Timeout=300 update -qq && install "$@"; }

if command -v systemctl >/dev/null; then
  for unit in $new_units; do ! has_unit "$unit" || systemctl --quiet disable "$unit" 2>/dev/null || true; done
fi
