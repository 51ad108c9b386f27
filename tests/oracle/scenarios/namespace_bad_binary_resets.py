"""namespace_bad_binary_resets.py - the next step of a run that a bad binary went on with resets it to before that."""
from kit.bad_binary import follow, mark, own_namespace
from kit.basic import end
from kit.reset import both_runs


def play(x):
    own_namespace(x)
    x.start()
    x.complete(x.poll(), binary_checksum="good")
    x.signal("one")
    x.complete(x.poll(), binary_checksum="bad")
    x.signal("two")
    x.complete(x.poll(), binary_checksum="later")
    mark(x, "other", "bad")
    x.describe("nothing happens by itself")
    base = x.run_id
    x.signal("three", label="the step")
    follow(x)
    both_runs(x, base)
    x.complete(x.poll(), binary_checksum="later")
    x.signal("four")
    end(x)
