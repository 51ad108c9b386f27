"""start_links.py - links with starts, signals, cancellations and terminations."""
from kit.links import link


def play(x):
    x.start(links=[link()])
    x.signal(links=[link(), link()])
    x.cancel(links=[link()])
    x.history()
    x.terminate(links=[link()])
    x.history()
