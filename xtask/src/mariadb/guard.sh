# Runs a MariaDB server for as long as xtask lives, then ends it and removes the folder.
# Standard input is a pipe whose other end only xtask holds: each line is a port to run on, and it closes when xtask
# ends, in whatever way. $1: the server's folder; the rest: the command that runs it.
trap '' HUP INT TERM
folder=$1
shift
server=
end() {
    [ -z "$server" ] || kill -KILL "$server" && wait "$server"
    server=
}
while read -r port; do
    end
    "$@" "--port=$port" >"$folder/server.log" 2>&1 &
    server=$!
done
end
rm -rf -- "$folder"
