# Ends the server that runs on the data in $1, if there still is one. Its number may be another process's by now.
server=$(cat "$1/data/server.pid") || exit 0
if grep -qsaF -- "--datadir=$1/data" "/proc/$server/cmdline"; then
    kill -KILL "$server"
    while kill -0 "$server" 2>/dev/null; do sleep 0.1; done
fi
