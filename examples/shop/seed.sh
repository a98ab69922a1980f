#!/usr/bin/env bash
# Places an order, over the port that the suite maps to the host. Needs nothing but bash.
set -euo pipefail
host=${ENDPOINT_API_HTTP%:*} port=${ENDPOINT_API_HTTP##*:} order='two teas'
exec 3<>"/dev/tcp/$host/$port"
printf 'POST /orders HTTP/1.0\r\nHost: api\r\nContent-Length: %d\r\n\r\n%s' "${#order}" "$order" >&3
head -n1 <&3 | grep -q ' 200 '
