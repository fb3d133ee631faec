#!/bin/bash
# Clients that write rows one after another, each noted when the server has acknowledged it. A client whose
# connection was refused or closed tries that row once more on a new one; any other error is a failure.
# Every other client takes a new connection now and then, so that nodes that are new get some, too.
# Leaves "RECONNECTED FAILED SLOWEST(ms)" of each, and the nodes that it wrote to. Ends when /tmp/stop is there.
trap '' PIPE
export MYSQL_PWD="$MARIADB_ROOT_PASSWORD"
query=(mariadb --host="$SERVICE" --user=root --connect-timeout=2 --skip-reconnect -Nn)

# A client of one worker, told what to do by one pipe and answering by another.
connect() {
  if [ -n "${client:-}" ]; then
    exec {to}>&- {from}<&-
    kill "$client"; wait "$client"
  fi 2>/dev/null
  "${query[@]}" < /tmp/to.$worker > /tmp/from.$worker 2> /tmp/error.$worker &
  client=$!
  exec {to}> /tmp/to.$worker {from}< /tmp/from.$worker
}
write() { # ROW INSERT
  local told node
  printf '%s INTO load_test.written VALUES (%d, %d); SELECT %d, @@hostname;\n' "$2" "$worker" "$1" "$1" >&"$to" || return 1
  read -t 5 -r told node <&"$from" && [ "$told" = "$1" ] && nodes[$node]=1
} 2>/dev/null
# Was there no connection? The last error tells; a server that is gone may say that it killed it.
unconnected() {
  sleep 0.05
  grep -qE '^ERROR (2002|2003|2006|2013|1927) ' /tmp/error.$worker
}
remark() { echo "$(date +%T) worker $worker row $row: $*" >> /tmp/remarks; }
worker() {
  local worker=$1 row client to from reconnected=0 failed=0 slowest=0 begun took
  local -A nodes
  mkfifo /tmp/to.$worker /tmp/from.$worker
  row=$("${query[@]}" -e "SELECT COALESCE(MAX(number), 0) FROM load_test.written WHERE worker = $worker")
  connect
  while [ ! -e /tmp/stop ]; do
    [ $((worker % 2)) -eq 0 ] || [ $((row % 20)) -ne 0 ] || connect
    row=$((row + 1)) begun=${EPOCHREALTIME/./}
    if write $row INSERT ||
      { unconnected && remark "$(< /tmp/error.$worker)" && reconnected=$((reconnected + 1)) &&
        connect && write $row 'INSERT IGNORE'; }
    then
      echo "$worker $row" >> "/tmp/acknowledged.$worker"
    else
      remark "failed: $(< /tmp/error.$worker)"
      failed=$((failed + 1))
      connect
    fi
    took=$(((${EPOCHREALTIME/./} - begun) / 1000))
    [ $took -le $slowest ] || slowest=$took
    # A few hundred writes a second in all.
    sleep 0.01
    [ $took -le 500 ] || remark "$took ms"
  done
  printf '%s\n' "${!nodes[@]}" > "/tmp/nodes.$worker"
  echo "$reconnected $failed $slowest" > "/tmp/result.$worker"
}
for ((w = 1; w <= WORKERS; w++)); do worker $w & done
wait
touch /tmp/done
sleep 86400
