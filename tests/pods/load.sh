#!/bin/bash
# Clients that write rows one after another, each noted when the server has acknowledged it. A write
# that fails is tried once more on a new connection. Ends when /tmp/stop is there.
# worker WORKER: prints "WORKER ACKNOWLEDGED RETRIED FAILED SLOWEST(ms)".
trap '' PIPE
export MYSQL_PWD="$MARIADB_ROOT_PASSWORD"

connect() {
  [ -z "${client:-}" ] || { kill "$client"; wait "$client"; } 2>/dev/null
  coproc DB { exec mariadb --host="$SERVICE" --user=root --connect-timeout=2 -Nn 2>>/tmp/errors; }
  client=$DB_PID to=${DB[1]} from=${DB[0]}
}
write() {
  local told
  printf 'INSERT IGNORE INTO load_test.written VALUES (%d, %d); SELECT %d;\n' "$1" "$2" "$2" >&"$to" || return 1
  read -t 5 -r told <&"$from" && [ "$told" = "$2" ]
} 2>/dev/null
worker() {
  local row=0 retried=0 failed=0 slowest=0 begun took
  connect
  while [ ! -e /tmp/stop ]; do
    row=$((row + 1)) begun=${EPOCHREALTIME/./}
    if write "$1" $row || { retried=$((retried + 1)); echo "$(date +%T) worker $1 row $row" >> /tmp/retries; connect; write "$1" $row; }; then
      echo "$1 $row" >> "/tmp/acknowledged.$1"
    else
      failed=$((failed + 1))
      connect
    fi
    took=$(((${EPOCHREALTIME/./} - begun) / 1000))
    [ $took -le $slowest ] || slowest=$took
    # A few hundred writes a second in all.
    sleep 0.01
    [ $took -le 500 ] || echo "$(date +%T) worker $1 row $row: $took ms" >> /tmp/slow
  done
  echo "$1 $(wc -l < "/tmp/acknowledged.$1") $retried $failed $slowest" > "/tmp/result.$1"
}
for ((w = 1; w <= WORKERS; w++)); do worker $w & done
wait
touch /tmp/done
sleep 86400
