#!/usr/bin/env bash
# Makes the image of the webhook, with nothing but Go.
set -euo pipefail
cd "$(dirname "$0")"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$out/policy" .
printf 'FROM scratch\nCOPY policy /policy\nUSER 65532:65532\nENTRYPOINT ["/policy"]\n' > "$out/Dockerfile"
"$ENGINE" build -q -t "$IMAGE" "$out"
