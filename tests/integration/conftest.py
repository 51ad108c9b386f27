"""conftest.py - one cluster for all tests, a session for each, and the closing line.

A test that is a coroutine runs in an event loop of its own with a deadline. After each, the history
of every workflow that it started is checked. The last line counts for `make test`.
"""

import asyncio
import inspect
import os
import sys

import pytest

import harness

TEST_SECONDS = 120


@pytest.fixture(scope="session")
def server():
    """A running server; the same for all tests."""
    server = harness.External(harness.EXTERNAL) if harness.EXTERNAL else harness.Cluster()
    yield server
    server.stop()


@pytest.fixture
def own_server(server):
    """The same, for tests that kill its processes."""
    if not server.own:
        pytest.skip("needs processes of its own, not GNOMON_TEST_ADDRESS")
    return server


@pytest.fixture
def session(server):
    return harness.Session(server)


@pytest.fixture
def cli(server):
    assert os.access(harness.CLI, os.X_OK), f"no temporal CLI at {harness.CLI}"
    return harness.Cli(server.address)


@pytest.fixture
def queue(request):
    return harness.unique(request.node.name[:60])


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    marker = pyfuncitem.get_closest_marker("seconds")

    async def run():
        session = arguments.get("session")
        if session:
            await session.connect()
        await pyfuncitem.obj(**arguments)
        if session:
            await session.check_histories()

    seconds = marker.args[0] if marker else TEST_SECONDS
    asyncio.run(asyncio.wait_for(run(), seconds))
    return True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what the server logged meanwhile."""
    outcome = yield
    report = outcome.get_result()
    funcargs = getattr(item, "funcargs", {})
    server = funcargs.get("server") or getattr(funcargs.get("grown"), "cluster", None)
    if call.when == "setup" and server:
        item.log_from = server.log_size()
    if call.when == "call" and report.failed and server:
        text = server.log_since(getattr(item, "log_from", 0))
        report.sections.append(("server's log", text[-6000:]))


def pytest_configure(config):
    config.addinivalue_line("markers", "seconds(n): the test's deadline, when it is not the usual one")


def pytest_sessionfinish(session, exitstatus):
    session.config.gnomon_status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    """Ends without the interpreter's own clean-up, in which the SDK's threads sometimes abort."""
    status = getattr(config, "gnomon_status", None)
    if status is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def pytest_collection_modifyitems(items):
    """The sweep over all histories comes last."""
    items.sort(key=lambda item: "test_sweep" in item.nodeid)


def pytest_terminal_summary(terminalreporter):
    stats = terminalreporter.stats
    passed = len(stats.get("passed", []))
    failed = len(stats.get("failed", [])) + len(stats.get("error", []))
    skipped = len(stats.get("skipped", []))
    if skipped:
        terminalreporter.write_line(f"integration: {skipped} skipped")
    terminalreporter.write_line(f"integration: {passed} passed, {failed} failed")
