/*
 * Handover (src/guest/handover.ts, and the host's part of it in src/guest/host.ts) for the model checker Spin; safepoint.pml
 * holds the core's functions, this file the threads.
 *
 * The owner hands the guest over ROUNDS times at most, from one host to the next of HOSTS. If the guest is idle it may let the next
 * host expect it, with the services' state that the last call left, while calls come and go (src/guest/idle-handover.ts); it then
 * freezes, and swaps hosts if no call has begun since. Otherwise, and each other time, it freezes and recalls;
 * takes the recall back whenever it likes (the host may be pinned, or slow) or, if it is refused that, waits for the host; lets
 * the next host adopt the guest, or gives up, whatever has become of that host, which stays as late as it likes. Other holds
 * come and go, so that a guest is handed over again without having run. Hosts run, wait, sleep on the bell, leave, take
 * calls, are pinned at any safepoint, swallow the signal that should take them out of a wait, end, and die.
 *
 * Ghosts: `place` is the host whose thread the guest's frames are on; `captured` says that they are in the ledger instead, as
 * saved for the `frames`-th time. A message from a host says which frames it speaks of. `current` says of which hosts the services
 * have the state that the guest has left them in, and `restCurrent` whether what the owner took last is that state.
 *
 * Safety, as assertions, besides those of safepoint.pml
 *   frozen     from the moment the owner knows of the grant to its last release no host touches the guest
 *   single     no two hosts touch it at the same time; none touches it that is not its host, or in a state other than
 *              RUNNING and FREEZING; only its host saves frames, those on its own thread
 *   out        when the owner takes a host at its word that it yielded, no thread has the guest, and the ledger has the frames
 *              that the word is about
 *   in         a host goes on from frames that are in the ledger, and that nobody else has gone on from or saved anew
 *   state      a host runs the guest only on services that have its latest state
 * Liveness, under weak fairness: `onward` at the end of this file. Besides, no end state but those marked `end`.
 */

#ifndef ROUNDS
#define ROUNDS 2
#endif

#include "safepoint.pml"

/* What a host is told: to heed a recall, to go on with what it yielded, to go on with what another yielded. */
#define YIELD 1
#define KEEP 2
#define ADOPT 3
#define EXPECT 4
/* What the guest is in the middle of: nothing, frames, the last step after a call. */
#define NOTHING 0
#define STACK 1
#define LAST_STEP 2

bit begun;                                      /* the guest has run, at first on the host that booted it */
#ifdef BREAK_BEGUN
#define hasNotRun true
#else
#define hasNotRun (!hasBegun)
#endif
chan box[HOSTS + 1] = [4] of { byte };          /* what it is told: two things at most in each of two rounds */
chan said[HOSTS + 1] = [2] of { byte, byte };   /* that it yielded: activity, frames */
byte handed, handedFrames;                      /* what goes with ADOPT */
bit adopted[HOSTS + 1];
bit current[HOSTS + 1];
bit restCurrent;
bit hasBegun;                                   /* a call, since the owner took the services' state: `begun` is another */

bit pinned[HOSTS + 1];
bit saving[HOSTS + 1];
byte place;
bit captured;
byte frames;
/* The owner waits for what must come. */
bit awaiting;

#define isSaving(host_) (saving[host_] && !dead[host_])
#define anySaving (isSaving(1) || isSaving(2) || isSaving(HOSTS))
#define lost_ (captured && (stateOf(word) == RUNNING || stateOf(word) == FREEZING) && !dead[host])

/* The guest goes on here: what others have of it is what it was. */
inline runsHere() {
  assert(current[me] || (me == 1 && frames == 0 && !begun));
  begun = 1; restCurrent = 0;
  current[1] = 0; current[2] = 0; current[HOSTS] = 0; current[me] = 1
}

active [HOSTS] proctype Host() {
  byte r, h, moved, kind, activity, mine, rung;
  bit parked, ok;

end_messages:
    if
    :: dead[me] -> goto end_dead
    :: host == me && activity == NOTHING && empty(box[me]) -> enter();    /* a call arrives */
      if
      :: moved == WANTED -> moved = 0; goto yield
      :: moved == NO -> goto gone
      :: moved == YES -> moved = 0;
        atomic { alive(); assert(place == 0 && !captured); runsHere(); hasBegun = 1; place = me };
        goto running
      fi
    :: atomic { !dead[me] && nempty(box[me]) ->
        box[me]?kind;
        if
        :: kind == ADOPT -> activity = handed; mine = handedFrames; adopted[me] = 1; current[me] = 1
        :: kind == EXPECT -> activity = NOTHING; adopted[me] = 1; current[me] = restCurrent
        :: else
        fi
      };
      if
      :: kind == YIELD -> kind = 0; heed();
        if
        :: moved == WANTED -> moved = 0; goto yield
        :: else -> goto end_messages
        fi
      :: kind == EXPECT -> kind = 0; goto end_messages
      :: else -> kind = 0; goto goOn
      fi
    fi;

goOn: /* Where the guest stopped, as soon as it is released. */
    if
    :: activity == NOTHING -> goto end_messages
    :: else
    fi;
    takeUp();
    if
    :: moved == WANTED -> moved = 0; goto yield
    :: else -> moved = 0
    fi;
    atomic {
      alive();
      assert(host == me && place == 0 && captured && mine == frames);
      runsHere(); captured = 0; place = me; mine = 0
    };
    if
    :: activity == LAST_STEP -> activity = NOTHING; goto leaving
    :: else -> activity = NOTHING
    fi;

running:
    touch();
    atomic {
      alive();
      if
      :: pinned[me] = 0
      :: pinned[me] = 1
      fi
    };
    if
    :: dead[me] -> goto end_dead
    :: hint && !dead[me] -> poll(!pinned[me]);
      if
      :: moved == WANTED -> moved = 0; goto unwind
      :: else
      fi
    :: else
    fi;
    if
    :: goto running
    :: goto leaving
    :: goto waiting
    :: atomic { alive(); pinned[me] = 1 }; end(); goto gone
    fi;

waiting:
    atomic { alive(); rung = bell };
    beginWait(!pinned[me]);
    if
    :: moved == NO -> goto gone
    :: moved == WANTED -> moved = 0; rung = 0; goto signalled
    :: moved == YES -> moved = 0
    fi;
    if
    :: true                                           /* the timeout, or what it waits for */
    :: true ->
end_bell:
      (bell != rung || dead[me])
    fi;
    rung = 0;
    endWait(!pinned[me]);
    if
    :: moved == NO -> goto gone
    :: moved == WANTED -> moved = 0; goto signalled
    :: moved == YES -> moved = 0; goto running
    fi;

signalled: /* A service is to be left by a signal, which it may swallow. */
    if
    :: goto unwind
    :: true ->
      atomic { alive(); pinned[me] = 1 };
      stay();
      moved = 0;
      goto running
    fi;

leaving:
    atomic { alive(); assert(place == me); place = 0 };
    leave();
    if
    :: moved == NO -> goto gone
    :: moved == YES -> moved = 0; goto end_messages
    :: moved == WANTED -> moved = 0;
      atomic { alive(); assert(place == 0); place = me; activity = LAST_STEP };
      goto yield
    fi;

unwind:
    atomic { alive(); assert(host == me && place == me && !anySaving && !anyTouching); saving[me] = 1 };
    atomic { alive(); saving[me] = 0; activity = STACK };

yield:
    atomic {
      alive();
      if
      :: activity != NOTHING ->
        assert(place == me || place == 0 && captured);
        place = 0; captured = 1; frames++
      :: else
      fi;
      mine = frames
    };
    atomic { alive(); said[me]!activity, mine };
    goto end_messages;

gone: /* The host is in step with the guest: it knows that it has ended. */
    assert(stateOf(word) == ENDED);
    goto end_quiet;

lost: /* The host was told that the guest is no longer its own, and this is true. An idle one is still told to dispose. */
    assert(host != me);

end_quiet:
    dead[me] -> goto end_dead;

end_dead:
    false
}

active proctype Owner() {
  byte r, h, answer, asked;
  byte found, holds;
  byte activity, theirs;        /* what the host said */
  byte from;
  byte standby = 1;             /* the last host that was asked to adopt */
  byte rounds = ROUNDS;
  bit ok;
  bit held;                     /* somebody else holds the guest too */
  bit early;                    /* the standby has been told to expect the guest */

  do
  :: rounds == 0 -> break
  :: rounds > 0 ->
    rounds--;
    early = 0;

    /* An idle guest is expected before it is frozen. What a call has left is told before its outcome. */
    if
    :: atomic { stateOf(word) == IDLE && standby < HOSTS -> hasBegun = 0; restCurrent = current[host] || !begun };
      standby++; early = 1; from = host;
      box[standby]!EXPECT;
      if
      :: adopted[standby] ->
        request();
        if
        :: stateOf(word) == FROZEN && found == IDLE && hasNotRun ->
          d_step { assert(!anyTouching); knowsFrozen = 1 };
          handOver(from, standby);
          assert(answer == 0);
          early = 0;
          goto thaw
        :: else
        fi;
        /* Somebody was faster: the guest is handed over like any other, and has been asked for already. */
        from = 0;
        if
        :: stateOf(word) == ENDED -> goto over
        :: else -> goto asking
        fi
      :: true                                           /* given up */
      fi;
      from = 0
    :: true
    fi;

    /* Freeze. Whether it is granted, and when, is the subject of handshake.pml. */
    request();
asking:
    awaiting = 1;
    if
    :: stateOf(word) != FREEZING -> awaiting = 0
    :: dead[host] -> goto gone
    fi;
    if
    :: stateOf(word) == ENDED -> goto over
    :: else
    fi;
    d_step { assert(stateOf(word) == FROZEN && !anyTouching); knowsFrozen = 1 };
    if
    :: !held -> request(); held = 1
    :: true
    fi;

    /* Recall. */
    from = host;
    assert(empty(said[from]));
    recall();
    assert(answer == 0);
    if
    :: found == IDLE -> box[from]!YIELD
    :: else
    fi;
    if
    :: true                                             /* in a hurry */
    :: !pinned[from] ->                                 /* a host that can leave does, or says that it stays after all */
      awaiting = 1;
      (nempty(said[from]) || dead[from] || pinned[from] || wanted == 0);
      awaiting = 0
    fi;
    if
    :: nempty(said[from]) -> goto yielded
    :: dead[from] -> goto gone
    :: unrecall();
      if
      :: answer == 0 -> goto thaw
      :: else                                           /* it is on its way */
      fi
    fi;
#ifdef BREAK_KEEP
    goto thaw;
#endif
    awaiting = 1;
    if
    :: nempty(said[from]) -> awaiting = 0
    :: dead[from] -> goto gone
    :: wanted == 0 -> awaiting = 0; goto thaw           /* it stays after all */
    fi;

yielded:
    atomic {
      said[from]?activity, theirs;
      assert(place == 0 && !anySaving && !anyTouching);
      assert(theirs == frames && captured == (activity != NOTHING))
    };
    taken();
    if
    :: standby < HOSTS || early ->
      if
      :: early -> early = 0; adopted[standby] = 0
      :: else -> standby++
      fi;
      d_step { handed = activity; handedFrames = theirs };
      box[standby]!ADOPT;
      if
      :: adopted[standby] ->
        handOver(from, standby);
        assert(answer == 0);
        goto thaw
      :: dead[from] -> goto gone
      :: true                                           /* given up; what becomes of that host does not matter */
      fi
    :: true
    fi;
    box[from]!KEEP;

thaw:
    atomic { activity = 0; theirs = 0; from = 0 };
    if
    :: held -> release(); assert(answer == 1); held = 0
    :: true
    fi;
    if
    :: held -> release(); assert(answer == 1)
    :: else ->
      d_step { knowsFrozen = 0; from = generationOf(word) };
      release();
      assert(answer == 0);
      if
      :: true
      :: found == RUNNING ->                            /* resume() awaits the guest's first moment */
        awaiting = 1;
        (woken >= from || dead[host] || stateOf(word) == ENDED);
        awaiting = 0
      fi;
      from = 0
    fi
  od;
  goto over;

gone:
  atomic { awaiting = 0; knowsFrozen = 0 };
  bury();

over:
  atomic { awaiting = 0; knowsFrozen = 0 };
  do
  :: stateOf(word) == FROZEN && holds > 0 -> release()
  :: else -> break
  od
}

#if KILLS > 0
active proctype Reaper() {
  byte kills = KILLS;
  reap()
}
#endif

/* A recall is answered or taken back, and a resume seen; no host sleeps for ever; frames that are released are taken up. */
ltl onward { []<>(!awaiting) && []<>(!lost_) && []<>(!asleep[1]) && []<>(!asleep[2]) && []<>(!asleep[HOSTS]) }
