#!/bin/sh
# guard.sh PROGRAM ARGUMENT...
#
# Runs a program, and ends it when this script's standard input ends: the process at the other end of that pipe has died
# then, for whatever reason. The program replaces this shell and keeps its process id, so that it gets signals directly.

exec 3<&0
{
  read -r _ <&3
  kill -TERM $$
  for second in 1 2 3 4 5 6 7 8 9; do
    sleep 1
    kill -0 $$ || exit 0
  done
  kill -KILL $$
} >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
