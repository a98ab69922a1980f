#!/bin/sh
# Makes the database on first start, then becomes the server.
set -eu

# NAME, or the content of the file that NAME_FILE names.
setting() {
    file=$(printenv "$1_FILE" || true)
    if [ -n "$file" ]; then cat "$file"; else printenv "$1" || true; fi
}

case "${1:-postgres}" in
    -*) set -- postgres "$@" ;;
esac
[ "$1" = postgres ] || exec "$@"
shift

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    user=$(setting POSTGRES_USER)
    password=$(setting POSTGRES_PASSWORD)
    database=$(setting POSTGRES_DB)
    user=${user:-postgres}
    if [ -z "$password" ]; then
        echo "POSTGRES_PASSWORD is not set, and a database that anybody may enter is not made" >&2
        exit 1
    fi
    # Made aside and moved when whole: a container that is killed meanwhile starts again from nothing.
    fresh="$PGDATA.new"
    rm -rf "$fresh"
    mkdir -p "$fresh"
    chmod 700 "$fresh"
    # On the socket only: nobody outside takes the temporary server for the real one. A statement that fails is not logged,
    # since one has the password.
    settings="-c listen_addresses='' -c fsync=off -c log_min_error_statement=panic"
    case "$user ${POSTGRES_INITDB_ARGS:-}" in
        'postgres ' | 'postgres --no-sync' | 'postgres -N')
            # What initdb would make now was made with the image.
            cp -a /usr/share/postgresql/made/. "$fresh"
            pg_ctl --pgdata="$fresh" --options="$settings" --wait --silent start
            PASSWORD=$password psql --no-psqlrc --quiet --username=postgres --dbname=postgres --set=ON_ERROR_STOP=1 <<-'SQL'
				\getenv password PASSWORD
				ALTER ROLE postgres PASSWORD :'password';
			SQL
            ;;
        *)
            # The password goes through a pipe, so that it is in no file and on no command line.
            # shellcheck disable=SC2086
            printf '%s\n' "$password" \
                | initdb --pgdata="$fresh" --username="$user" --pwfile=/dev/stdin --auth-local=trust \
                    --auth-host=scram-sha-256 --encoding=UTF8 --no-instructions ${POSTGRES_INITDB_ARGS:-} > /dev/null
            pg_ctl --pgdata="$fresh" --options="$settings" --wait --silent start
            ;;
    esac
    printf 'host all all all scram-sha-256\n' >> "$fresh/pg_hba.conf"
    if [ -n "$database" ] && [ "$database" != postgres ]; then
        psql --no-psqlrc --quiet --username="$user" --dbname=postgres --set=ON_ERROR_STOP=1 --set=db="$database" <<-'SQL'
			CREATE DATABASE :"db";
		SQL
    fi
    for script in /docker-entrypoint-initdb.d/*; do
        case "$script" in
            *.sh) sh "$script" ;;
            *.sql)
                psql --no-psqlrc --quiet --username="$user" --dbname="${database:-$user}" \
                    --set=ON_ERROR_STOP=1 --file="$script"
                ;;
        esac
    done
    pg_ctl --pgdata="$fresh" --mode=fast --wait --silent stop
    # PGDATA itself may be a mount point, which cannot be moved onto.
    if [ -d "$PGDATA" ]; then
        chmod 700 "$PGDATA"
        find "$PGDATA" -mindepth 1 -delete
        rm -f "$fresh/postmaster.pid"
        for entry in "$fresh"/* ; do
            [ "$entry" = "$fresh/PG_VERSION" ] || mv "$entry" "$PGDATA/"
        done
        mv "$fresh/PG_VERSION" "$PGDATA/"
        rm -rf "$fresh"
    else
        mv "$fresh" "$PGDATA"
    fi
fi
exec postgres -D "$PGDATA" -c listen_addresses='*' "$@"
