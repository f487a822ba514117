#!/bin/bash
# Prints the name of a Postgres image that the tests can run on, and makes one where none can be had:
#
#   1. $SESSIONS_TEST_POSTGRES_IMAGE, as it is
#   2. the default image, where the engine has it or can pull it
#   3. one built from Debian's packages, with PgBouncer and strace; this takes about a minute, once
#
# The built image carries the hash of this directory in its name, so that a changed recipe is built again and an
# unchanged one is not. Needs a running Docker engine; for 3. also root and Debian's archive.
set -euo pipefail

default_image=postgres:17-alpine
packages=postgresql-15,pgbouncer,strace
cd "$(dirname "$0")"

say() { echo "image/build.sh: $*" >&2; }

fail() {
	say "$*"
	exit 1
}

has() { docker image inspect "$1" >/dev/null 2>&1; }

recipe() { cat build.sh Dockerfile entrypoint.sh | sha256sum | cut -c1-12; }

need_mmdebstrap() {
	command -v mmdebstrap >/dev/null && return
	say "installing mmdebstrap"
	apt-get update -qq >&2
	DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends mmdebstrap >&2
}

# Without libLLVM, documentation and locales the image has three quarters of its size. The server's package would make a
# cluster of its own while it is installed; a container makes one at its first start.
root_file_system() {
	setsid --wait mmdebstrap --quiet --variant=apt --include="$packages" \
		--dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/usr/lib/*/libLLVM*' \
		--dpkgopt='path-exclude=/usr/lib/postgresql/*/lib/llvmjit*' \
		--dpkgopt='path-exclude=/usr/lib/postgresql/*/lib/bitcode/*' \
		--dpkgopt='force-confold' \
		--essential-hook='mkdir -p "$1/etc/postgresql-common"' \
		--essential-hook='echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.conf"' \
		bookworm -
}

# mmdebstrap hangs up its whole process group when its pipe breaks: hence setsid, so that this shell survives to say so.
build() {
	local image=$1 base=$1-base
	[[ $(id -u) == 0 ]] || fail "no Postgres image can be pulled, and building one needs root"
	need_mmdebstrap
	say "building $image from Debian's packages"
	root_file_system | docker import - "$base" >&2
	DOCKER_BUILDKIT=0 docker build --quiet --build-arg "base=$base" --tag "$image" . >&2
	docker rmi --no-prune "$base" >/dev/null
}

main() {
	local built
	built=sessions-test-postgres:$(recipe)
	if [[ -n ${SESSIONS_TEST_POSTGRES_IMAGE:-} ]]; then
		echo "$SESSIONS_TEST_POSTGRES_IMAGE"
		return
	fi
	docker version >/dev/null 2>&1 || fail "no Docker engine answers; start one, or see docker(1)"
	if has "$default_image" || { ! has "$built" && timeout 300 docker pull --quiet "$default_image" >&2; }; then
		echo "$default_image"
		return
	fi
	# Two builders at once would do the same work twice.
	exec 9>"${TMPDIR:-/tmp}/sessions-test-postgres.lock"
	flock 9
	has "$built" || build "$built"
	echo "$built"
}

main
