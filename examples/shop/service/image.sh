#!/usr/bin/env bash
# Makes the image that the others are built from. No registry is needed: the program is static, and there is nothing else
# in the image.
set -euo pipefail
cd "$(dirname "$0")"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$out/shop" .
printf 'FROM scratch\nCOPY shop /shop\nENTRYPOINT ["/shop"]\n' > "$out/Dockerfile"
"$ENGINE" build -q -t "$IMAGE" "$out"
