#!/bin/sh
# The cluster around an agent under test: the four commands by which it asks its cluster, each a link to this file. Attributes are
# files, $CLUSTER/NODE/NAME; nothing ever runs on the nodes, so that nothing has to be moved away.
node=cluster name= value= action=
command=${0##*/}
while [ $# -gt 0 ]; do
  case $1 in
    --node) node=$2; shift ;;
    --name) name=$2; shift ;;
    --update) action=update value=$2; shift ;;
    --delete) action=delete ;;
    --query) action=query ;;
    --type | --default) shift ;;
  esac
  shift
done
case $command in
  crm_attribute)
    mkdir -p "$CLUSTER/$node"
    case $action in
      update) printf %s "$value" >"$CLUSTER/$node/$name" ;;
      delete) rm -f "$CLUSTER/$node/$name" ;;
      query) cat "$CLUSTER/$node/$name" 2>/dev/null || true ;;
    esac
    ;;
  crm_node) printf '1 %s member\n2 neighbour member\n' "$(uname -n)" ;;
  crm_resource) ;;
  crm_simulate) echo 'Transition Summary:' ;;
esac
