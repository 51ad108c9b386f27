"""update_bad_commands.py - protocol message commands that point to nothing, or twice."""
from kit.basic import anew
from kit.updates import accept, ask, done
from lab import command


def play(x):
    for label, names in {"to nothing": ["nothing"], "twice": ["u/accept", "u/accept"], "empty": [""]}.items():
        anew(x)
        asked = ask(x)
        task = x.poll()
        x.complete(task, *[command("protocol_message", message_id=name) for name in names],
                   messages=[accept(task), done()], label=label)
        asked.tell()
        x.history(f"history: {label}")
        x.terminate()
