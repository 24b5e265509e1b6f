# Waits until xtask is gone, then stops its server and removes the folder.
# Standard input is a pipe whose other end only xtask holds: it closes when xtask ends, in whatever way.
# $1: the cluster's folder; the rest: the command that stops its server.
trap '' HUP INT TERM
folder=$1
shift
read -r _ || :
"$@" >/dev/null 2>&1 || :
rm -rf -- "$folder"
