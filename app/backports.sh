# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# Sourced: apt with Debian's backports beside the machine's own sources, for what
# the release itself has too old. Lists and cache are in a folder of the caller's;
# the machine's own sources and lists stay as they are, and downloading needs no root.

# use_backports FOLDER: fills backports_apt, options for apt-get and apt-cache; 1 if the
# machine has no archive to ask.
use_backports() {
  local folder code mirror sources
  mkdir -p "$1"/lists/partial "$1"/cache/archives/partial
  folder=$(cd "$1" && pwd)
  backports_apt=(
    -o "Dir::Etc::SourceList=$folder/sources.list"
    -o "Dir::State::Lists=$folder/lists" -o "Dir::Cache=$folder/cache"
    -o "APT::Sandbox::User=$(id -un)" -o Acquire::Retries=2 -o Acquire::http::Timeout=20
  )
  code=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  sources=/etc/apt/sources.list
  { [ ! -r $sources ] || cat $sources; } >"$folder/sources.list"
  # From the mirror that the release itself comes from. Debian 13 needs none.
  if [ "$code" = bookworm ]; then
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 2>/dev/null |
      awk -v code="$code" '$2 == code { print $1; exit }')
    [ -n "$mirror" ] || return 1
    echo "deb $mirror $code-backports main" >>"$folder/sources.list"
    backports_apt+=(-t "$code-backports")
  fi
  apt-get "${backports_apt[@]}" update -qq >"$folder/update.log" 2>&1
}
