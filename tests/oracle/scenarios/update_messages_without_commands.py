"""update_messages_without_commands.py - messages count without commands that point to them."""
from kit.basic import end
from kit.updates import accept, ask, done, idle


def play(x):
    idle(x)
    asked = ask(x)
    task = x.poll()
    x.complete(task, messages=[accept(task), done()])
    asked.tell()
    x.signal()
    end(x)
