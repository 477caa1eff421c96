/*
 * The handshake of freeze and resume (assembly/safepoint.ts, stated in assembly/ledger.ts) for the model checker Spin.
 *
 * One owner, HOSTS hosts of which the first begins with the guest, and a reaper that may kill a host between any two steps.
 * Each inline below is the function of the same name; each access to the ledger is one step, and every order of steps is
 * tried. The owner asks ROUNDS times in all: first requests, and second ones that only add a hold. In between it withdraws
 * when it likes (a budget expires at any moment), or waits for ever (a budget that is long enough), hands the guest over,
 * buries hosts, releases. Hosts take calls, touch guest memory, look at the hint, wait, come back from waiting by themselves
 * (the timeout) at any moment, leave, end. A host that has lost the guest may come as late as it likes.
 *
 * Safety, as assertions
 *   frozen     from the moment the owner knows of the grant to its last release no host touches the guest
 *   single     no two hosts touch it at the same time; none touches it that is not its host, or in a state other than
 *              RUNNING and FREEZING
 *   answer     the FROZEN that the owner finds has the generation it asked with, and the hold stands
 *   holds      are never released below zero, never void while the guest is frozen for somebody
 *   final      nothing leaves ENDED; only the owner leaves FROZEN
 *   woken      only the guest's host reports that it woke, each time from the freeze that came last
 * Liveness, under weak fairness: `onward` at the end of this file. Besides, no end state but those marked `end`.
 *
 * Generations do not wrap here, as they do not in one late host's lifetime (2^29 freezes). Left out, because they have no
 * part in who may run: clocks, bell, epoch; and recall() with its kin, by which a host is asked to come out of the guest before
 * handOver(). Here handOver() comes at any moment of a freeze, wherever the host is, which asks for more. Guest code reads the
 * hint with a plain load; what an engine may make of that is beyond Spin, and is tested on the engine itself.
 *
 * The test defines one of the names beginning with BREAK_, each a fault, and expects Spin to find it.
 */

#ifndef ROUNDS
#define ROUNDS 3
#endif
#ifndef HOSTS
#define HOSTS 2
#endif
#ifndef KILLS
#define KILLS 1
#endif

/* The ledger's `run` is `word` here, because `run` means something else to Spin: generation << 3 | state. */
#define IDLE 0
#define WAITING 1
#define RUNNING 2
#define FREEZING 3
#define FROZEN 4
#define ENDED 5
#define stateOf(run_) ((run_) & 7)
#define generationOf(run_) ((run_) >> 3)
#define withState(run_, state_) (((run_) & 248) | (state_))
#ifdef BREAK_GENERATION
#define nextGeneration(run_, state_) withState(run_, state_)
#else
#define nextGeneration(run_, state_) ((((run_) & 248) + 8) | (state_))
#endif
#define REFUSED 255
#define OWNER 0

/* The ledger. */
byte word = IDLE;
byte host = 1;
bit hint;

/* The threads: who sleeps on `word`, who has died, where a host takes over (a state + 1). */
bit asleep[HOSTS + 1];
bit dead[HOSTS + 1];
byte start[HOSTS + 1];

/* What the properties speak of. */
bit touching[HOSTS + 1];
bit knowsFrozen;
bit asking;

#define anyTouching (touching[1] || touching[2] || touching[HOSTS])

/* Every change of `word` goes through here. */
inline change(who, next) {
  assert(stateOf(word) != ENDED);
  assert(stateOf(word) != FROZEN || who == OWNER);
  word = next
}

inline swap(who, expected, next, done) {
  d_step {
    if
    :: word == expected -> change(who, next); done = 1
    :: else -> done = 0
    fi
  }
}

inline store(who, next) {
  d_step { change(who, next) }
}

/* atomic.wait: looks and falls asleep in one step; only a notify wakes it, or the death of the one it waits for. */
inline wait(who, expected, orElse) {
  d_step {
    if
    :: word == expected -> asleep[who] = 1
    :: else
    fi
  };
  (!asleep[who] || (orElse));
  asleep[who] = 0
}

inline notify() {
  d_step { asleep[0] = 0; asleep[1] = 0; asleep[2] = 0; asleep[HOSTS] = 0 }
}

/* ---- the owner's side: `r` and `h` hold what was loaded, `ok` the outcome of a swap, `answer` what the function answers ---- */

inline request() {
  h = holds;
  if
  :: h > 0 ->
    r = word;
    answer = stateOf(r);
    if
    :: answer != ENDED -> holds = h + 1
    :: else
    fi
  :: else ->
    do
    :: r = word;
      if
      :: stateOf(r) == ENDED -> answer = ENDED; break
      :: stateOf(r) == RUNNING ->
        swap(OWNER, r, nextGeneration(r, FREEZING), ok);
        if
        :: ok ->
          asked = generationOf(nextGeneration(r, FREEZING));
          found = RUNNING; holds = 1;
#ifndef BREAK_HINT
          hint = 1;
#endif
          answer = stateOf(word);
          break
        :: else
        fi
      :: else ->
        swap(OWNER, r, nextGeneration(r, FROZEN), ok);
        if
        :: ok ->
          asked = generationOf(nextGeneration(r, FROZEN));
          found = stateOf(r); holds = 1;
          answer = FROZEN;
          break
        :: else
        fi
      fi
    od
  fi;
  ok = 0; r = 0; h = 0
}

inline withdraw() {
  r = word;
  if
  :: stateOf(r) != FREEZING -> answer = stateOf(r)
  :: else ->
    h = holds;
    assert(h > 0);
    if
    :: h > 1 -> holds = h - 1; answer = FREEZING
    :: else ->
#ifdef BREAK_WITHDRAW
      store(OWNER, withState(r, RUNNING));
      ok = 1;
#else
      swap(OWNER, r, withState(r, RUNNING), ok);
#endif
      if
      :: ok -> holds = 0; hint = 0; answer = RUNNING
      :: else -> answer = stateOf(word)
      fi
    fi
  fi;
  ok = 0; r = 0; h = 0
}

inline granted() {
  if
  :: stateOf(word) == FROZEN -> answer = found
  :: else -> answer = REFUSED
  fi
}

inline release() {
  r = word;
  if
  :: stateOf(r) != FROZEN -> answer = REFUSED
  :: else ->
    assert(holds > 0);
    h = holds - 1;
    holds = h;
    answer = h;
    if
#ifdef BREAK_HOLDS
    :: false
#else
    :: h > 0
#endif
    :: else ->
      hint = 0;
      store(OWNER, withState(r, found));
#ifndef BREAK_RELEASE_NOTIFY
      notify()
#endif
    fi
  fi;
  r = 0; h = 0
}

inline handOver(expected, next) {
#ifndef BREAK_HANDOVER
  if
  :: stateOf(word) != FROZEN -> answer = REFUSED
  :: else ->
#endif
    d_step {
      if
      :: host == expected -> host = next; answer = 0
      :: else -> answer = REFUSED
      fi
    }
#ifndef BREAK_HANDOVER
  fi
#endif
}

/* Only for the guest's host, and only when it is dead. */
inline bury() {
  r = word;
  answer = stateOf(r);
  if
  :: answer == FROZEN -> answer = found
  :: answer == FREEZING -> answer = RUNNING
  :: else
  fi;
  if
  :: answer == IDLE || answer == ENDED
  :: else ->
    holds = 0;
    hint = 0;
#ifndef BREAK_BURY
    store(OWNER, withState(r, ENDED));
#endif
    notify()
  fi;
  r = 0
}

/* ---- the host's side; hosts are the first threads declared, so that their process numbers count from 0 ---- */

#define me (_pid + 1)

/* Opens every step of a host: a thread may die between any two of them, and does nothing more. */
inline alive() {
  if
  :: dead[me] -> goto end_dead
  :: else
  fi
}

inline park() {
  parked = 0;
  do
  :: atomic { alive(); r = word };
    if
    :: stateOf(r) == FROZEN -> atomic { alive(); wait(me, r, dead[me]) }
    :: else ->
#ifndef BREAK_PARK_HOST
      atomic { alive(); h = host };
      if
      :: h != me -> goto lost
      :: else -> h = 0
      fi;
#endif
      if
      :: parked != 0 ->
        atomic { alive(); assert(host == me) };   /* woken and resumedAtNs are written here */
        parked = 0
      :: else
      fi;
      if
      :: stateOf(r) == FREEZING ->
        atomic { alive(); swap(me, r, withState(r, FROZEN), ok) };
        if
        :: ok ->
          ok = 0;
          parked = withState(r, FROZEN);
#ifndef BREAK_GRANT_NOTIFY
          atomic { alive(); notify() }
#endif
        :: else
        fi
      :: else -> break
      fi
    fi
  od;
#ifdef BREAK_PARK_HOST
  atomic { alive(); h = host };
  if
  :: h != me -> goto lost
  :: else
  fi
#endif
}

/* `plainly` is a fault: it stores where it has to swap. */
inline move(from, to, plainly) {
  do
  :: park();
    if
    :: stateOf(r) != from -> r = 0; ok = 0; break
    :: else ->
      if
      :: plainly -> atomic { alive(); word = withState(r, to); ok = 1 }
      :: else -> atomic { alive(); swap(me, r, withState(r, to), ok) }
      fi;
      r = 0;
      if
      :: ok -> break
      :: else
      fi
    fi
  od
}

#ifdef BREAK_ENTER
#define PLAIN_ENTER true
#else
#define PLAIN_ENTER false
#endif
#ifdef BREAK_BEGIN_WAIT
#define PLAIN_BEGIN_WAIT true
#else
#define PLAIN_BEGIN_WAIT false
#endif
#ifdef BREAK_END_WAIT
#define PLAIN_END_WAIT true
#else
#define PLAIN_END_WAIT false
#endif

inline enter() {
  move(IDLE, RUNNING, PLAIN_ENTER)
}

inline leave() {
  move(RUNNING, IDLE, false)
}

inline poll() {
  park();
  r = 0;
#ifdef BREAK_POLL_HINT
  hint = 0
#endif
}

inline beginWait() {
  move(RUNNING, WAITING, PLAIN_BEGIN_WAIT)
}

inline endWait() {
  move(WAITING, RUNNING, PLAIN_END_WAIT)
}

inline end() {
  do
  :: park();
    atomic { alive(); swap(me, r, withState(r, ENDED), ok) };
    r = 0;
    if
    :: ok -> break
    :: else
    fi
  od;
  atomic { alive(); notify() }
}

/* A guest instruction that reads or writes guest memory; it takes two steps, so that others can be seen in between. */
inline touch() {
  atomic {
    alive();
    assert(!knowsFrozen && !anyTouching && host == me);
    assert(stateOf(word) == RUNNING || stateOf(word) == FREEZING);
    touching[me] = 1
  };
  atomic { alive(); touching[me] = 0 }
}

/* ---- the threads ---- */

active [HOSTS] proctype Host() {
  byte r, h, parked;
  bit ok;
    if
    :: me == 1 -> goto idle
    :: else
    fi;
end_standby:
    if
    :: start[me] == IDLE + 1 -> goto idle
    :: start[me] == WAITING + 1 -> goto waiting
    :: start[me] == RUNNING + 1 -> poll(); goto running
    :: dead[me] -> goto end_dead
    fi;

idle:
    if
    :: true -> enter(); if :: ok -> ok = 0; goto running :: else -> goto gone fi   /* a call arrives */
    :: true -> goto end_quiet                                                /* none ever does */
    fi;

running:
    touch();
    if
    :: dead[me] -> goto end_dead
    :: else ->
      if
      :: hint -> poll()
      :: else
      fi
    fi;
    if
    :: goto running
    :: beginWait(); if :: ok -> ok = 0; goto waiting :: else -> goto gone fi
    :: leave(); if :: ok -> ok = 0; goto idle :: else -> goto gone fi
    :: end(); goto gone
    fi;

waiting:
    if
    :: true -> endWait(); if :: ok -> ok = 0; goto running :: else -> goto gone fi   /* woken, or the timeout */
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
  byte found, holds;    /* words of the ledger that no host reads */
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

/* A thread dies between any two of its steps. */
inline kill(victim) {
  d_step { dead[victim] = 1; touching[victim] = 0; asleep[victim] = 0 }
}

#if KILLS > 0
active proctype Reaper() {
  byte kills = KILLS;
  do
  :: kills == 0 -> break
  :: kills > 0 -> kills--;
    if
    :: !dead[1] -> kill(1)
    :: !dead[2] -> kill(2)
    :: !dead[HOSTS] -> kill(HOSTS)
    fi
  od
}
#endif

/* Owner and host never wait for each other: the owner's request is always answered, withdrawn or void in the end, and a host
   that parks always goes on once it is released. */
ltl onward { []<>(!asking) && []<>(!asleep[0]) && []<>(!asleep[1]) && []<>(!asleep[HOSTS]) }
