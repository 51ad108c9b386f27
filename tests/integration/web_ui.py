"""web_ui.py - Chromium on the Web UI of a cluster, and the worker whose workflows it looks at.

A Visitor keeps every trouble that a page has: errors and warnings of the console, exceptions, answers of 400 and
above, requests that fail. What a test expects of these it names (expect_trouble); the rest fails the test at its end.
"""

import asyncio
import os
import pathlib
import re
import shutil
import threading
import time

from playwright.sync_api import Error, expect, sync_playwright

import harness

CHROMIUM = os.environ.get("GNOMON_TEST_CHROMIUM", "/usr/bin/chromium")
SHOTS = pathlib.Path(os.environ.get("GNOMON_TEST_SHOTS", harness.ROOT / "build" / "ui-screenshots"))
WAIT_MS = 20_000
NAMESPACE = "/namespaces/default"

# Of every page that shows a payload: the UI tries its decoder on placeholders without data and says so. It says the
# same to the reference server.
HARMLESS = [re.compile(r"console warning: Could not parse payload: ")]


class Trouble(AssertionError):
    pass


class Visitor:
    """A browser's page, and what was wrong with it."""

    def __init__(self, context, address):
        self.address = address
        self.page = context.new_page()
        self.page.set_default_timeout(WAIT_MS)
        self.troubles, self.expected = [], []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.troubles.append(f"exception: {error}"))
        self.page.on("crash", lambda _: self.troubles.append("the page crashed"))
        self.page.on("response", self._on_response)
        self.page.on("requestfailed", self._on_request_failed)

    def _on_console(self, message):
        if message.type in ("error", "warning"):
            self.troubles.append(f"console {message.type}: {message.text}")

    def _on_response(self, response):
        if response.status >= 400:
            path = response.url.removeprefix(self.address)
            asked = response.request.post_data or ""
            self.troubles.append(f"{response.status} {response.request.method} {path} {asked[:1000]}")

    def _on_request_failed(self, request):
        # A page that is left gives up what it still waits for: a long poll, as a rule.
        if request.failure != "net::ERR_ABORTED":
            self.troubles.append(f"failed {request.method} {request.url}: {request.failure}")

    def expect_trouble(self, *patterns):
        """These happen, and are no faults."""
        self.expected += [re.compile(pattern) for pattern in patterns]

    def check(self):
        """Everything expected has happened, and nothing else."""
        deadline = time.monotonic() + WAIT_MS / 1000
        while True:
            missing = [e.pattern for e in self.expected if not any(map(e.search, self.troubles))]
            if not missing:
                break
            if time.monotonic() > deadline:
                raise Trouble(f"no {missing} among {self.troubles}")
            self.page.wait_for_timeout(20)  # lets the browser's events in
        faults = [t for t in self.troubles if not any(e.search(t) for e in HARMLESS + self.expected)]
        if faults:
            raise Trouble("\n".join(faults))

    def close(self):
        """What the UI has kept in the browser (columns, views, how a history is shown) goes."""
        self.page.evaluate("localStorage.clear()")
        self.page.close()

    # -- moving around --

    def go(self, path):
        self.page.goto(self.address + path, wait_until="domcontentloaded")

    def workflow(self, handle, tab="history"):
        self.go(f"{NAMESPACE}/workflows/{handle.id}/{handle.first_execution_run_id}/{tab}")
        expect(self.heading(handle.id)).to_be_visible()

    def shot(self, name):
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png")

    # -- finding --

    def heading(self, name, **options):
        return self.page.get_by_role("heading", name=name, exact=True, **options)

    def button(self, name, within=None):
        return (within or self.page).get_by_role("button", name=name, exact=True)

    def row(self, text):
        return self.page.get_by_role("row").filter(has_text=text)

    def dialog(self):
        return self.page.locator("dialog[open]")

    def status(self, text):
        """The badge beside a workflow's id."""
        return self.page.get_by_role("main").get_by_text(text, exact=True).first

    def act(self, action):
        """One of "More Actions"."""
        self.button("More Actions").click()
        self.page.get_by_role("menuitem", name=action, exact=True).click()

    def type_payload(self, text, within=None):
        (within or self.page).locator(".cm-content").first.click()
        self.page.keyboard.type(text)


class Browser:
    """Chromium of the machine, driven by Playwright."""

    def __enter__(self):
        if not os.access(CHROMIUM, os.X_OK):
            raise Trouble(
                f"no {CHROMIUM}: apt-get install chromium (scripts/setup does), or GNOMON_TEST_CHROMIUM=its place"
            )
        self.playwright = sync_playwright().start()
        try:
            # Root has no sandbox; /dev/shm is small in containers.
            self.chromium = self.playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
            )
        except Error:
            self.playwright.stop()
            raise
        expect.set_options(timeout=WAIT_MS)
        # One for all visitors, so that the UI's files are read once.
        self.context = self.chromium.new_context(viewport={"width": 1400, "height": 1000}, accept_downloads=True)
        return self

    def __exit__(self, *_):
        self.chromium.close()
        self.playwright.stop()

    def visit(self, address):
        return Visitor(self.context, address)


class Backstage:
    """A client and a worker in a thread of their own: Playwright has this one."""

    def __init__(self, cluster, queue, workflows, activities):
        self.queue = queue
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.session = harness.Session(cluster)
        self.client = self.do(self.session.connect())

        async def a_worker():
            worker = self.session.worker(queue, workflows, activities)
            await worker.__aenter__()
            return worker

        self.worker = self.do(a_worker())

    def do(self, coroutine, seconds=60):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(seconds)

    def stop(self):
        self.do(self.worker.__aexit__(None, None, None))
        self.do(self.session.check_histories())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(20)


def clear_shots():
    shutil.rmtree(SHOTS, ignore_errors=True)
