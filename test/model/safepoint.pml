/*
 * assembly/safepoint.ts for the model checker Spin: the ledger's words, and each function under its own name. Each access to
 * the ledger is one step, and every order of steps is tried. handshake.pml and handover.pml include this and bring the threads.
 *
 * Asserted here
 *   final      nothing leaves ENDED; only the owner leaves FROZEN
 *   woken      only the guest's host reports that it woke, each time from a later freeze, never from one still to come
 *
 * Generations do not wrap here, as they do not in one late host's lifetime (2^29 freezes). Left out, because they have no
 * part in who may run: clocks and epoch; the bell is a count that recall() moves on. Guest code reads the hint with a plain
 * load; what an engine may make of that is beyond Spin, and is tested on the engine itself.
 *
 * Names beginning with BREAK_ are faults: the test defines one and expects Spin to find it.
 */

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
/* No `run` has state 7 or 6. */
#define LEAVING 255
#define LEAVE 254
#define NO 0
#define YES 1
#define WANTED 2
#define OWNER 0

/* The ledger. */
byte word = IDLE;
byte host = 1;
bit hint;
byte wanted;
byte woken;
byte bell;

/* Who sleeps on `word`, who has died. */
bit asleep[HOSTS + 1];
bit dead[HOSTS + 1];

/* What the properties speak of. */
bit touching[HOSTS + 1];
bit knowsFrozen;

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

/* The same for `wanted`. */
inline exchange(expected, next, done) {
  d_step {
    if
    :: wanted == expected -> wanted = next; done = 1
    :: else -> done = 0
    fi
  }
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

/* ---- the owner's side. The owner declares `found` and `holds`, words of the ledger that no host reads; `asked`, the generation
   of its last request; `r` and `h` for what it loads, `ok` for the outcome of a swap, `answer` for what a function answers ---- */

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

inline recall() {
  r = word;
  if
  :: stateOf(r) != FROZEN -> answer = REFUSED
  :: else ->
#ifdef BREAK_RECALL_GENERATION
    wanted = r;
#else
    wanted = nextGeneration(r, FROZEN);
    store(OWNER, nextGeneration(r, FROZEN));
#endif
    notify();
#ifndef BREAK_RECALL_BELL
    bell++;
#endif
    answer = 0
  fi;
  r = 0
}

inline unrecall() {
  r = word;
#ifdef BREAK_UNRECALL
  wanted = 0;
  answer = 0;
#else
  d_step {
    if
    :: wanted == r -> wanted = 0; answer = 0
    :: wanted == LEAVING -> answer = REFUSED
    :: else -> answer = 0
    fi
  };
#endif
  r = 0
}

inline taken() {
  wanted = 0;
#ifndef BREAK_TAKEN_FOUND
  if
  :: found == WAITING -> found = RUNNING
  :: else
  fi
#endif
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

/* ---- the host's side; hosts are the first threads declared, so that their process numbers count from 0. Each has `r` and
   `h` for what it loads, `parked`, `ok`, and `moved` for what a move answers ---- */

#define me (_pid + 1)

/* Opens every step of a host: a thread may die between any two of them, and does nothing more. */
inline alive() {
  if
  :: dead[me] -> goto end_dead
  :: else
  fi
}

/* Leaves the answer in `r`; a lost guest is no answer to most callers, so for that it goes to `lost`. */
inline park(canLeave, wasParked) {
  parked = wasParked;
  do
  :: atomic { alive(); r = word };
    if
    :: stateOf(r) == FROZEN ->
      if
      :: canLeave ->
        atomic { alive(); h = wanted };
        if
        :: h == r ->
          atomic { alive(); h = host };
          if
#ifdef BREAK_LEAVE_HOST
          :: true ->
#else
          :: h == me ->
#endif
#ifdef BREAK_LEAVE_SWAP
            atomic { alive(); wanted = LEAVING; ok = 1 };
#else
            atomic { alive(); exchange(r, LEAVING, ok) };
#endif
            if
            :: ok -> ok = 0; h = 0; parked = 0; r = LEAVE; break
            :: else
            fi
#ifndef BREAK_LEAVE_HOST
          :: else
#endif
          fi
        :: else
        fi;
        h = 0
      :: else
      fi;
      atomic { alive(); wait(me, r, dead[me]) }
    :: else ->
#ifndef BREAK_PARK_HOST
      atomic { alive(); h = host };
      if
      :: h != me -> goto lost
      :: else -> h = 0
      fi;
#endif
      if
      :: parked ->
        atomic { alive(); report() };
        parked = 0
      :: else
      fi;
      if
      :: stateOf(r) == FREEZING ->
        atomic { alive(); swap(me, r, withState(r, FROZEN), ok) };
        if
        :: ok ->
          ok = 0;
          parked = 1;
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

/* Stores woken, and resumedAtNs with it. */
#ifdef BREAK_WOKEN
#define OVER generationOf(r)
#else
#define OVER (generationOf(r) - (stateOf(r) == FREEZING -> 1 : 0))
#endif
inline report() {
  d_step {
    assert(host == me && OVER >= woken);
    assert(OVER != generationOf(word) || stateOf(word) != FREEZING && stateOf(word) != FROZEN);
    woken = OVER
  }
}

/* `plainly` is a fault: it stores where it has to swap. */
inline move(from, to, canLeave, plainly) {
  do
  :: park(canLeave, 0);
    if
    :: r == LEAVE -> r = 0; moved = WANTED; break
    :: stateOf(r) != from && r != LEAVE -> r = 0; moved = NO; break
    :: else ->
      if
      :: plainly -> atomic { alive(); word = withState(r, to); ok = 1 }
      :: else -> atomic { alive(); swap(me, r, withState(r, to), ok) }
      fi;
      r = 0;
      if
      :: ok -> ok = 0; moved = YES; break
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
  move(IDLE, RUNNING, true, PLAIN_ENTER)
}

inline leave() {
  move(RUNNING, IDLE, true, false)
}

/* `canUnwind` is what the core reads in `pinned`; WANTED stands for the word `unwinding`. */
inline poll(canUnwind) {
  park(canUnwind, 0);
  moved = (r == LEAVE -> WANTED : NO);
  r = 0;
#ifdef BREAK_POLL_HINT
  hint = 0
#endif
}

inline takeUp() {
  park(true, 1);
  moved = (r == LEAVE -> WANTED : YES);
  r = 0
}

inline heed() {
  atomic { alive(); r = word };
  moved = NO;
  if
  :: stateOf(r) == FROZEN ->
    atomic { alive(); h = host };
    if
    :: h == me ->
#ifdef BREAK_HEED
      atomic { alive(); wanted = LEAVING; ok = 1 };
#else
      atomic { alive(); exchange(r, LEAVING, ok) };
#endif
      moved = (ok -> WANTED : NO);
      ok = 0
    :: else
    fi
  :: else
  fi;
  r = 0; h = 0
}

inline stay() {
  atomic { alive(); exchange(LEAVING, 0, ok) };
  ok = 0;
  park(false, 1);
  r = 0;
#ifndef BREAK_STAY
  move(WAITING, RUNNING, false, false)
#endif
}

inline beginWait(canUnwind) {
  move(RUNNING, WAITING, canUnwind, PLAIN_BEGIN_WAIT)
}

inline endWait(canUnwind) {
  move(WAITING, RUNNING, canUnwind, PLAIN_END_WAIT)
}

inline end() {
  do
  :: park(false, 0);
    atomic { alive(); swap(me, r, withState(r, ENDED), ok) };
    r = 0;
    if
    :: ok -> ok = 0; break
    :: else
    fi
  od;
  atomic { alive(); notify() }
}

/* ---- what happens to hosts ---- */

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

inline kill(victim) {
  d_step { dead[victim] = 1; touching[victim] = 0; asleep[victim] = 0 }
}

/* The body of a thread that kills hosts between any two of their steps. */
inline reap() {
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
