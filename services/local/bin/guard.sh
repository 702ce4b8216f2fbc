#!/bin/sh
# guard.sh PROGRAM ARGUMENT...
#
# Runs a program that ends when this script's standard input ends: that is when the process at its other end has
# died, however it did. The program keeps this shell's process id, so that it gets every signal itself.

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
