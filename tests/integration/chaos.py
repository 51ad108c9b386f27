"""chaos.py - kills and stops members of a cluster, and reads from a probe's notes how long each shard
was not answered.
"""

import bisect
import os
import random
import signal
import time

from harness import SERVICES, is_alive, wait_until

DIES_WITHIN = 4.0  # a stopped process: its watchdog takes 2.5 s, a busy machine is late with it
KINDS = {"kill": 5, "stop": 2, "pause": 2, "kill both": 1, "kill all": 1}  # how often each


class Chaos:
    """Deaths of single members or of a whole role; runs on a thread of its own."""

    def __init__(self, cluster, seed):
        self.cluster = cluster
        self.random = random.Random(seed)
        self.events = []  # (monotonic time, role, kind)

    def pids_of(self, role):
        pids = self.cluster.pids()
        return [pids[n] for n in pids if n == role or n.startswith(f"{role}-")]

    def wait_whole(self, role, old):
        """As many as there should be, none of them an old one."""
        count = self.cluster.replicas.get(role, 1)

        def whole():
            pids = self.pids_of(role)
            return len(pids) == count and not set(pids) & set(old)

        wait_until(whole, 20, f"{role} is whole again")

    def strike(self, role, kind):
        pids = self.pids_of(role)
        if kind == "kill all":  # one of each role at the same moment
            pids = [self.random.choice(self.pids_of(r)) for r in SERVICES]
        elif kind != "kill both":
            pids = [self.random.choice(pids)]
        self.events.append((time.monotonic(), role, kind))
        for pid in pids:
            os.kill(pid, signal.SIGKILL if kind.startswith("kill") else signal.SIGSTOP)
        if kind == "pause":  # shorter than what the watchdog minds
            time.sleep(self.random.uniform(0.2, 1.7))
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
            return
        if kind == "stop":
            wait_until(lambda: not any(is_alive(p) for p in pids), DIES_WITHIN, f"the stopped {role} is dead")
        for each in SERVICES if kind == "kill all" else (role,):
            self.wait_whole(each, pids)

    def settle(self, shortest, longest):
        """Another moment of the load; not a wait for anything."""
        time.sleep(self.random.uniform(shortest, longest))

    def in_turn(self):
        for kind in ("kill", "stop"):
            for role in SERVICES:
                self.settle(0.5, 1.5)
                self.strike(role, kind)

    def at_random(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.settle(0, 2)
            kind = self.random.choices(list(KINDS), weights=KINDS.values())[0]
            self.strike(self.random.choice(SERVICES), kind)


def answers(path):
    """(what, shard) -> sorted times of the answers."""
    found = {}
    with open(path) as notes:
        for line in notes:
            if not line.endswith("\n"):
                break  # the probe is writing it
            at, what, shard, _ = line.split()
            found.setdefault((what, int(shard)), []).append(float(at))
    return {key: sorted(times) for key, times in found.items()}


def gaps(events, times_of):
    """For each event and kind of question the longest time in which some shard was not answered. A
    gap belongs to the first event that lies in it, from then on, or to the last one before it."""
    report = [(*event, {}) for event in events]
    moments = [at for at, _, _ in events]
    for (what, _), times in times_of.items():
        for before, after in zip(times, times[1:]):
            n = bisect.bisect_left(moments, before)
            inside = n < len(moments) and moments[n] < after
            if not inside and n == 0:
                continue  # before the first one
            of = report[n if inside else n - 1][3]
            of[what] = max(of.get(what, 0), after - (moments[n] if inside else before))
    return report
