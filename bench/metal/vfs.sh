#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Copyright the Sluice authors
#
# app/deploy/vfs.sh as a measurement wants it: 2048 hugepages, and no pause frames,
# which would let the generator wait instead of losing: no drop, no truth. Takes the
# same options (vfs.sh --help).
exec "$(dirname "$0")/../../app/deploy/vfs.sh" --pages 2048 --no-pause "$@"
