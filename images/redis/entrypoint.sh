#!/bin/sh
# As the official image: options alone mean redis-server, anything else is the command to run.
case "${1:-}" in
    -* | *.conf) set -- redis-server "$@" ;;
esac
exec "$@"
