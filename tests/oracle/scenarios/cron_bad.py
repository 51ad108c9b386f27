"""cron_bad.py - schedules that are refused."""


def play(x):
    for schedule in ("nonsense", "* * * *", "0 0 31 2 *", "TZ=Nowhere/x * * * * *", "@every", "60 * * * *", "* * * * 7"):
        x.start(label=schedule, cron_schedule=schedule)
