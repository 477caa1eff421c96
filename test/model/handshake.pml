/*
 * Freeze and resume (assembly/safepoint.ts, stated in assembly/ledger.ts) for the model checker Spin; safepoint.pml holds the
 * functions, this file the threads.
 *
 * One owner, HOSTS hosts of which the first begins with the guest, and a reaper that may kill a host between any two steps.
 * The owner asks ROUNDS times in all: first requests, and second ones that only add a hold. In between it withdraws
 * when it likes (a budget expires at any moment), or waits for ever (a budget that is long enough), hands the guest over,
 * buries hosts, releases. Hosts take calls, touch guest memory, look at the hint, wait, come back from waiting by themselves
 * (the timeout) at any moment, leave, end. A host that has lost the guest may come as late as it likes. Nobody is recalled
 * here: the host that is given the guest goes on with what the owner tells it, and the one before finds that it has lost it.
 *
 * Safety, as assertions, besides those of safepoint.pml
 *   frozen     from the moment the owner knows of the grant to its last release no host touches the guest
 *   single     no two hosts touch it at the same time; none touches it that is not its host, or in a state other than
 *              RUNNING and FREEZING
 *   answer     the FROZEN that the owner finds has the generation it asked with, and the hold stands
 *   holds      are never released below zero, never void while the guest is frozen for somebody
 * Liveness, under weak fairness: `onward` at the end of this file. Besides, no end state but those marked `end`.
 */

#ifndef ROUNDS
#define ROUNDS 3
#endif

#include "safepoint.pml"

/* Where a host takes over (a state + 1). */
byte start[HOSTS + 1];
bit asking;

/* ---- the threads ---- */

active [HOSTS] proctype Host() {
  byte r, h, moved;
  bit parked, ok;
    if
    :: me == 1 -> goto idle
    :: else
    fi;
end_standby:
    if
    :: start[me] == IDLE + 1 -> goto idle
    :: start[me] == WAITING + 1 -> goto waiting
    :: start[me] == RUNNING + 1 -> poll(false); goto running
    :: dead[me] -> goto end_dead
    fi;

idle:
    if
    :: true -> enter(); if :: moved == YES -> moved = 0; goto running :: else -> goto gone fi   /* a call arrives */
    :: true -> goto end_quiet                                                /* none ever does */
    fi;

running:
    touch();
    if
    :: dead[me] -> goto end_dead
    :: else ->
      if
      :: hint -> poll(false)
      :: else
      fi
    fi;
    if
    :: goto running
    :: beginWait(false); if :: moved == YES -> moved = 0; goto waiting :: else -> goto gone fi
    :: leave(); if :: moved == YES -> moved = 0; goto idle :: else -> goto gone fi
    :: end(); goto gone
    fi;

waiting:
    if
    :: true -> endWait(false); if :: moved == YES -> moved = 0; goto running :: else -> goto gone fi   /* woken, or the timeout */
    :: true -> goto end_quiet                                                  /* what it waits for never comes */
    fi;

end_quiet:
    dead[me] -> goto end_dead;

gone: /* The host is in step with the guest: it knows that it has ended. */
    assert(stateOf(word) == ENDED);
    goto end_quiet;

lost: /* The host was told that the guest is no longer its own, and this is true. */
    assert(host != me);
    goto end_quiet;

end_dead:
    false
}

/* Gives the guest to the next host, and tells that one what to go on with. */
inline changeHost() {
  h = host;
  handOver(h, h + 1);
  if
  :: answer == 0 -> start[h + 1] = found + 1
  :: else
  fi;
  h = 0
}

active proctype Owner() {
  byte r, h, answer, asked;
  byte found, holds;
  byte askers;          /* holds that the owner's callers believe to have */
  byte rounds = ROUNDS;
  bit ok;
  bit buried;

  do
  :: rounds == 0 -> break
  :: rounds > 0 ->
    rounds--;
    request();
    if
    :: answer == ENDED -> break
    :: else -> askers = 1
    fi;

    /* Until it is granted, withdrawn by everybody, or ended. */
    asking = 1;
    do
    :: r = word;
      if
      :: stateOf(r) != FREEZING -> break
      :: else ->
        if
        :: rounds > 0 -> rounds--; request(); assert(answer == FREEZING || answer == FROZEN); askers++
        :: withdraw();
          if
          :: answer == RUNNING -> assert(askers == 1); askers = 0; break
          :: answer == FREEZING -> askers--; assert(askers > 0)
          :: else -> assert(answer == FROZEN); break
          fi
        :: rounds > 0 && host < HOSTS -> rounds--; changeHost()   /* refused, unless it was granted just now */
        :: !dead[host] -> wait(OWNER, r, dead[host])
        :: dead[host] -> bury(); assert(answer != IDLE)
        fi
      fi
    od;
    asking = 0;

    /* Both in one step, because the owner knows from here on. */
    if
    :: askers == 0
    :: askers > 0 ->
      r = word;
      if
      :: stateOf(r) == ENDED -> askers = 0
      :: else ->
        granted();
        d_step {
          assert(stateOf(word) == FROZEN && generationOf(word) == asked && answer != REFUSED && holds == askers);
          assert(!anyTouching);
          knowsFrozen = 1
        };
        do
        :: rounds > 0 -> rounds--; request(); assert(answer == FROZEN); askers++
        :: withdraw(); assert(answer == FROZEN); break
        :: host < HOSTS ->
          changeHost();
          assert(answer == 0)
        :: dead[host] && !buried ->
          bury();
          if
          :: answer == IDLE -> buried = 1                     /* the freeze stands; another host may take the guest */
          :: else -> askers = 0; break
          fi
        :: break
        od;
        buried = 0;
        do
        :: askers == 0 -> knowsFrozen = 0; break
        :: askers == 1 -> knowsFrozen = 0; release(); askers = 0; assert(answer == 0); break
        :: askers > 1 -> release(); askers--; assert(answer == askers)
        od
      fi
    fi
  od
}

#if KILLS > 0
active proctype Reaper() {
  byte kills = KILLS;
  reap()
}
#endif

/* Owner and host never wait for each other: the owner's request is always answered, withdrawn or void in the end, and a host
   that parks always goes on once it is released. */
ltl onward { []<>(!asking) && []<>(!asleep[0]) && []<>(!asleep[1]) && []<>(!asleep[HOSTS]) }
