#!/bin/sh
# Restarts UniRoute instances behind nginx one after the other, without a failed request: each is taken out of nginx,
# told to stop (it finishes what it serves), started again, and put back when it is ready.
#   rolling-restart.sh 127.0.0.1:8084 127.0.0.1:8085
# SERVERS_FILE  what uniroute.conf includes          (/etc/nginx/uniroute-servers.conf)
# RELOAD        makes nginx read it again            (nginx -s reload)
# RESTART       stops with SIGTERM, waits for the end, starts again; is given the address
#               (systemctl restart "uniroute@${address##*:}")
set -eu

servers_file=${SERVERS_FILE:-/etc/nginx/uniroute-servers.conf}
reload=${RELOAD:-nginx -s reload}
restart=${RESTART:-restart_unit}

restart_unit() {
  systemctl restart "uniroute@${1##*:}"
}

# write_servers <address that is out> <all addresses…>
write_servers() {
  out=$1
  shift
  for one in "$@"; do
    if [ "$one" = "$out" ]; then echo "server $one down;"; else echo "server $one;"; fi
  done >"$servers_file.new"
  mv "$servers_file.new" "$servers_file"
  $reload
}

[ $# -ge 2 ] || {
  echo "at least two instances are needed: one serves while the other restarts" >&2
  exit 2
}

for address in "$@"; do
  write_servers "$address" "$@"
  # nginx reads the file again in a moment; until then it may still send new requests.
  sleep 1
  $restart "$address"
  tries=0
  until curl -fsS -o /dev/null "http://$address/ready" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || {
      echo "$address is not ready after a minute: it stays out of nginx, and the others are left alone" >&2
      exit 1
    }
    sleep 0.2
  done
  write_servers none "$@"
  echo "$address restarted"
done
