"""test_web_ui.py - the Web UI in a real browser: what an operator looks at and does there.

Chromium (Debian's) on a cluster of its own. Each test looks at its own workflows; a test fails when a page has an
error in its console, an answer of 400 or above, or a request that fails, but for what it expects. Screenshots go to
build/ui-screenshots.
"""

import json
import re
from urllib.parse import quote

import pytest
from playwright.sync_api import expect
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

import harness
import web_ui
from web_ui import NAMESPACE
from web_ui_workflows import ACTIVITIES, WORKFLOWS, Broken, Idle, Order, Quick

QUEUE = "orders"
CUSTOMER = SearchAttributeKey.for_keyword("Customer")
WORKFLOW_LIST = NAMESPACE + "/workflows"

pytestmark = pytest.mark.timeout(120)


class Shop(web_ui.Backstage):
    """The workflows that the pages show."""

    def open(self):
        async def fill():
            await self.client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=harness.NAMESPACE,
                    search_attributes={"Customer": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD},
                )
            )
            for i in range(3):
                await self.client.execute_workflow(
                    Quick.run, f"n{i}", id=f"quick-{i}", task_queue=QUEUE,
                    search_attributes=TypedSearchAttributes([SearchAttributePair(CUSTOMER, f"customer {i}")]),
                )
            with pytest.raises(WorkflowFailureError):
                await self.client.execute_workflow(Broken.run, id="broken-0", task_queue=QUEUE)

        self.do(fill())

    def order(self, workflow_id):
        """An Order that has come to rest: its activity has failed once and waits."""

        async def start():
            handle = await self.client.start_workflow(
                Order.run, workflow_id, id=workflow_id, task_queue=QUEUE, memo={"by": "the web"},
                search_attributes=TypedSearchAttributes([SearchAttributePair(CUSTOMER, "gold")]),
                static_summary="an order", static_details="with *details*",
            )

            async def waits():
                pending = (await handle.describe()).raw_description.pending_activities
                return pending and pending[0].attempt == 2

            await harness.eventually(waits, 30, "the activity has failed once")
            return handle

        return self.do(start())

    def idle(self, count, prefix):
        async def start():
            return [
                await self.client.start_workflow(Idle.run, id=f"{prefix}-{i}", task_queue=QUEUE) for i in range(count)
            ]

        return self.do(start())

    def describe(self, handle):
        return self.do(handle.describe())

    def activity(self, handle):
        return self.describe(handle).raw_description.pending_activities[0]


@pytest.fixture(scope="module")
def cluster():
    web_ui.clear_shots()
    cluster = harness.Cluster(environment={"GNOMON_FRONTEND_HTTP_CORS_ORIGINS": "http://elsewhere,*"})
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def shop(cluster):
    shop = Shop(cluster, QUEUE, WORKFLOWS, ACTIVITIES)
    shop.open()
    yield shop
    shop.stop()


@pytest.fixture(scope="module")
def browser(shop):
    with web_ui.Browser() as browser:
        yield browser


@pytest.fixture
def visitor(browser, cluster, request):
    visitor = browser.visit(cluster.ui)
    yield visitor
    try:
        visitor.shot(request.node.name)
        visitor.check()
    finally:
        visitor.close()


# -- looking ----------------------------------------------------------------------------------------


def test_the_list_and_its_filters(visitor, shop):
    page = visitor.page
    visitor.go("/")
    expect(page).to_have_url(re.compile(WORKFLOW_LIST))
    expect(visitor.row("quick-0")).to_contain_text("Completed")
    expect(visitor.row("broken-0")).to_contain_text("Failed")
    visitor.shot("list")

    visitor.button("Add Filter").click()
    page.get_by_role("menuitem", name="WorkflowType").click()
    page.get_by_role("textbox", name="Value").fill("Quick")
    visitor.button("Apply").click()
    expect(visitor.heading("3 Workflows")).to_be_visible()
    expect(visitor.button("3 Completed")).to_be_visible()
    expect(visitor.row("broken-0")).to_have_count(0)
    visitor.shot("list-filtered")

    visitor.button("Clear all").click()
    expect(visitor.row("broken-0")).to_be_visible()
    page.get_by_test_id("toggle-manual-query").click()
    search = page.get_by_role("searchbox", name="Enter a query")
    search.fill('WorkflowType = "Broken" AND ExecutionStatus = "Failed"')
    search.press("Enter")
    expect(visitor.heading("1 Workflow")).to_be_visible()
    expect(visitor.row("quick-0")).to_have_count(0)


def test_a_wrong_query_is_told(visitor, shop):
    visitor.expect_trouble("^400 GET .*/workflows", "^400 GET .*/workflow-count", "console error: .*400")
    visitor.go(WORKFLOW_LIST + "?query=WorkflowType%20%3D")
    expect(visitor.page.get_by_text(re.compile("invalid query|Invalid query|syntax")).first).to_be_visible()


def test_saved_views(visitor, shop):
    running = shop.idle(1, "viewed")[0]
    visitor.go(WORKFLOW_LIST)
    visitor.page.get_by_test_id("running").click()
    expect(visitor.row(running.id)).to_be_visible()
    expect(visitor.row("quick-0")).to_have_count(0)
    visitor.page.get_by_test_id("all").click()
    expect(visitor.row("quick-0")).to_be_visible()

    visitor.go(WORKFLOW_LIST + "?query=" + quote('`WorkflowType`="Broken"'))
    visitor.button("Save as New").click()
    visitor.dialog().get_by_role("textbox").fill("what broke")
    visitor.button("Save", within=visitor.dialog()).click()
    visitor.go(WORKFLOW_LIST)
    visitor.page.get_by_text("what broke").first.click()
    expect(visitor.heading("1 Workflow")).to_be_visible()


def test_search_attributes_as_columns(visitor, shop):
    visitor.go(WORKFLOW_LIST + "?query=%60WorkflowType%60%3D%22Quick%22")
    expect(visitor.row("quick-1")).not_to_contain_text("customer 1")
    visitor.page.get_by_test_id("workflows-summary-table-configuration-button").click()
    visitor.shot("columns")
    visitor.page.get_by_text("Customer", exact=True).locator("xpath=ancestor::li[1]").get_by_role("button").click()
    visitor.page.keyboard.press("Escape")
    expect(visitor.row("quick-1")).to_contain_text("customer 1")


def test_a_workflow_and_its_history(visitor, shop):
    page = visitor.page
    visitor.workflow(shop.order("shown"))
    expect(visitor.status("Running")).to_be_visible()
    expect(page.get_by_text("Python 1.", exact=False)).to_be_visible()
    expect(page.locator("svg").get_by_text("greets the customer").first).to_be_visible()
    expect(visitor.row("Pending Activity")).to_contain_text("Attempt 2")
    expect(visitor.row("Activity Task Scheduled").first).to_be_visible()
    visitor.shot("workflow")
    page.get_by_test_id("compact").click()
    expect(visitor.row("Child Workflow")).to_contain_text("Parcel")
    visitor.shot("workflow-compact")
    page.get_by_test_id("json").click()
    expect(page.get_by_text("workflowExecutionStartedEventAttributes").first).to_be_visible()
    visitor.shot("workflow-json")
    page.get_by_test_id("feed").click()
    visitor.button("Descending").click()
    expect(visitor.button("Ascending")).to_be_visible()


def test_a_workflows_other_pages(visitor, shop):
    page = visitor.page
    handle = shop.order("looked-into")
    visitor.workflow(handle)
    page.get_by_role("tab", name="Relationships").click()
    expect(page.get_by_role("link", name="looked-into-parcel")).to_be_visible()
    visitor.shot("relationships")
    page.get_by_role("tab", name="Workers").click()
    expect(visitor.row("Yes")).to_contain_text("@")
    page.get_by_role("tab", name="Pending Activities").click()
    expect(page.get_by_text("2 of Unlimited")).to_be_visible()
    expect(page.get_by_text("the depot is closed").first).to_be_visible()
    expect(page.get_by_text('"packed"').first).to_be_visible()
    visitor.shot("pending-activities")
    page.get_by_role("tab", name="Call Stack").click()
    expect(page.get_by_text("Stack for <Task pending name='run (workflow: Order").first).to_be_visible()
    visitor.shot("call-stack")
    page.get_by_role("tab", name="Queries").click()
    visitor.button("Run Query").click()
    expect(page.get_by_text("[]").first).to_be_visible()
    page.get_by_role("tab", name="User Metadata").click()
    expect(page.frame_locator("iframe").last.get_by_text("waits for the depot")).to_be_visible()
    expect(page.get_by_text("greets the customer").first).to_be_visible()
    visitor.shot("user-metadata")
    page.get_by_role("tab", name="Search Attributes").click()
    expect(page.get_by_text("gold").first).to_be_visible()
    page.get_by_role("tab", name="Memo").click()
    expect(page.get_by_text("the web").first).to_be_visible()


def test_what_happens_is_seen_at_once(visitor, shop):
    """The page waits for the history's next events."""
    handle = shop.order("watched")
    visitor.workflow(handle)
    expect(visitor.status("Running")).to_be_visible()
    shop.do(handle.signal(Order.note, "psst"))
    expect(visitor.row("Workflow Execution Signaled")).to_be_visible()
    shop.do(handle.signal(Order.finish))
    expect(visitor.status("Completed")).to_be_visible()
    expect(visitor.page.get_by_text('"psst"').first).to_be_visible()


def test_the_history_is_downloaded_and_read_again(visitor, shop, tmp_path):
    page = visitor.page
    page.goto(visitor.address + WORKFLOW_LIST)
    visitor.row("quick-2").get_by_role("link", name="quick-2", exact=True).click()
    visitor.button("Download").click()
    with page.expect_download() as download:
        visitor.button("Download", within=visitor.dialog()).click()
    saved = tmp_path / "history.json"
    download.value.save_as(saved)
    events = json.loads(saved.read_text())
    events = events["events"] if isinstance(events, dict) else events
    assert events[0]["eventType"].endswith("WorkflowExecutionStarted") or "STARTED" in events[0]["eventType"]
    assert len(events) > 10

    visitor.go("/import/events")
    page.locator("input[type=file]").set_input_files(saved)
    visitor.button("Import").click()
    expect(visitor.row("Workflow Execution Completed").first).to_be_visible()
    visitor.shot("imported")


def test_namespaces(visitor, shop):
    page = visitor.page
    visitor.go("/namespaces")
    page.get_by_role("link", name="default", exact=True).click()
    expect(visitor.heading("Namespace: default")).to_be_visible()
    expect(visitor.row("Retention Period")).to_contain_text("1 day")
    expect(visitor.row("Customer")).to_contain_text("Keyword")


def test_a_task_queue_and_its_pollers(visitor, shop):
    visitor.go(f"{NAMESPACE}/task-queues/{QUEUE}")
    expect(visitor.heading(QUEUE)).to_be_visible()
    expect(visitor.row("@")).to_contain_text("Yes")


# -- acting -----------------------------------------------------------------------------------------


TERMINATED, CANCELED = WorkflowExecutionStatus.TERMINATED, WorkflowExecutionStatus.CANCELED


async def closed(handle, status):
    return (await handle.describe()).status == status


def choose(visitor, dialog, option):
    """Open the dialog's list of names, which the workflow's definition gives, and take one."""
    dialog.locator("input[disabled], input[readonly]").first.locator(
        "xpath=ancestor::*[self::button or @role='button' or @role='combobox'][1]"
    ).click(force=True)
    visitor.page.get_by_role("option", name=option).first.click()


def test_signal(visitor, shop):
    handle = shop.order("signaled")
    visitor.workflow(handle)
    visitor.act("Send a Signal")
    dialog = visitor.dialog()
    choose(visitor, dialog, "note")
    visitor.type_payload('"by hand"', within=dialog)
    visitor.shot("signal")
    visitor.button("Submit", within=dialog).click()
    expect(visitor.row("Workflow Execution Signaled")).to_be_visible()
    assert shop.do(handle.query(Order.notes)) == ["by hand"]


def test_update(visitor, shop):
    handle = shop.order("updated")
    visitor.workflow(handle)
    visitor.act("Send an Update")
    dialog = visitor.dialog()
    choose(visitor, dialog, "add")
    visitor.type_payload('"by update"', within=dialog)
    visitor.button("Submit", within=dialog).click()
    expect(visitor.row("Workflow Execution Update Completed").first).to_be_visible()
    assert shop.do(handle.query(Order.notes)) == ["by update"]


def test_cancel(visitor, shop):
    handle = shop.idle(1, "canceled")[0]
    visitor.workflow(handle)
    visitor.button("Request Cancellation").click()
    visitor.dialog().get_by_test_id("confirm-modal-button").click()
    expect(visitor.status("Canceled")).to_be_visible()
    assert shop.describe(handle).status == WorkflowExecutionStatus.CANCELED


def test_terminate(visitor, shop):
    handle = shop.idle(1, "terminated")[0]
    visitor.workflow(handle)
    visitor.act("Terminate")
    visitor.dialog().get_by_placeholder("Enter a reason").fill("no longer wanted")
    visitor.shot("terminate")
    visitor.dialog().get_by_test_id("confirm-modal-button").click()
    expect(visitor.status("Terminated")).to_be_visible()
    expect(visitor.page.get_by_text("no longer wanted").first).to_be_visible()


def test_reset(visitor, shop):
    """A run that has ended begins again at the workflow task that is chosen."""

    async def ended():
        handle = await shop.client.start_workflow(Quick.run, "again", id="reset", task_queue=QUEUE)
        await handle.result()
        return handle

    handle = shop.do(ended())
    visitor.workflow(handle)
    visitor.button("Reset").click()
    dialog = visitor.dialog()
    dialog.locator("input").first.locator("xpath=..").click(force=True)
    dialog.get_by_role("option").first.click()
    visitor.shot("reset")
    visitor.button("Confirm", within=dialog).click()
    expect(visitor.page.get_by_text("This Workflow has been reset")).to_be_visible()

    async def again():
        description = await shop.client.get_workflow_handle("reset").describe()
        done = description.run_id != handle.first_execution_run_id
        return done and description.status == WorkflowExecutionStatus.COMPLETED

    shop.do(harness.eventually(again, 30, "the new run has ended"))
    visitor.go(WORKFLOW_LIST + "?query=%60WorkflowId%60%3D%22reset%22")
    expect(visitor.heading("2 Workflows")).to_be_visible()


def test_start(visitor, shop):
    page = visitor.page
    visitor.go(WORKFLOW_LIST)
    visitor.button("Start Workflow").click()
    page.get_by_label("Workflow ID").fill("by-hand")
    page.get_by_label("Task Queue").fill(QUEUE)
    page.get_by_label("Workflow Type").fill("Quick")
    visitor.type_payload('"the web"')
    visitor.shot("start")
    visitor.button("Start Workflow").click()
    assert shop.do(shop.client.get_workflow_handle("by-hand").result()) == "Hello, the web!"


def test_an_activity_is_paused_changed_and_reset(visitor, shop):
    handle = shop.order("operated")
    visitor.workflow(handle, tab="pending-activities")
    visitor.button("Pause").click()
    visitor.dialog().get_by_label("Reason").fill("lunch")
    visitor.button("Pause", within=visitor.dialog()).click()
    expect(visitor.button("Unpause")).to_be_visible()
    assert shop.activity(handle).pause_info.manual.reason == "lunch"
    visitor.shot("paused-activity")

    visitor.button("Update").click()
    visitor.page.get_by_role("textbox", name="Start to Close Timeout Duration").fill("33")
    visitor.button("Save").click()
    expect(visitor.button("Save")).not_to_be_visible()
    assert shop.activity(handle).activity_options.start_to_close_timeout.seconds == 33

    visitor.button("Unpause").click()
    visitor.button("Unpause", within=visitor.dialog()).click()
    expect(visitor.button("Pause")).to_be_visible()

    visitor.button("Reset").click()
    visitor.button("Reset", within=visitor.dialog()).click()
    expect(visitor.dialog()).to_have_count(0)
    assert shop.activity(handle).attempt in (1, 2)


def test_many_are_terminated_by_one_batch(visitor, shop):
    """Those that a filter finds; the job has a page of its own, and one in the list of jobs."""
    page = visitor.page
    handles = shop.idle(3, "bulk")
    visitor.go(WORKFLOW_LIST + "?query=" + quote('`WorkflowId` STARTS_WITH "bulk-"'))
    expect(visitor.row("bulk-2")).to_be_visible()
    page.get_by_label("Select all Workflows").first.check(force=True)
    page.get_by_text("select all 3 workflows").click()  # by the filter, not by their ids
    visitor.shot("batch-selected")
    visitor.button("Terminate").first.click()
    dialog = visitor.dialog()
    dialog.get_by_label("Reason").fill("tidy up")
    visitor.shot("batch-terminate")
    dialog.get_by_test_id("confirm-modal-button").click()
    for handle in handles:
        shop.do(harness.eventually(lambda handle=handle: closed(handle, TERMINATED), 30, "terminated"))

    visitor.go(f"{NAMESPACE}/batch-operations")
    expect(visitor.row("Completed").first).to_be_visible()
    visitor.shot("batch-operations")
    visitor.row("Completed").first.get_by_role("link").click()
    expect(page.get_by_text("tidy up").first).to_be_visible()
    expect(page.get_by_text("3", exact=True).first).to_be_visible()


def test_chosen_ones_are_canceled_by_one_batch(visitor, shop):
    page = visitor.page
    handles = shop.idle(3, "picked")
    visitor.go(WORKFLOW_LIST + "?query=" + quote('`WorkflowId` STARTS_WITH "picked-"'))
    for i in range(2):
        page.get_by_label(f"Select Workflow picked-{i}").first.check(force=True)
    visitor.button("Request Cancellation").first.click()
    visitor.dialog().get_by_test_id("confirm-modal-button").click()
    for handle in handles[:2]:
        shop.do(harness.eventually(lambda handle=handle: closed(handle, CANCELED), 30, "canceled"))
    assert shop.describe(handles[2]).status == WorkflowExecutionStatus.RUNNING


# -- what is missing --------------------------------------------------------------------------------


def test_what_is_not_there_is_told(visitor, shop):
    """Names of nothing: the pages say so."""
    visitor.expect_trouble("^404 GET ", "console error: .*404")
    visitor.go(f"{WORKFLOW_LIST}/none/00000000-0000-4000-8000-000000000000/history")
    expect(visitor.page.get_by_text(re.compile("not found|404", re.I)).first).to_be_visible()


@pytest.mark.parametrize("path", ["schedules", "worker-deployments"])
def test_pages_of_what_is_not_built(visitor, shop, path):
    """The UI has no setting that hides these two; they say what the server says, and the rest goes on."""
    visitor.expect_trouble("^501 GET ", "console error: .*501")
    with visitor.page.expect_response(lambda answer: answer.status == 501):
        visitor.go(f"{NAMESPACE}/{path}")
    expect(visitor.page.get_by_role("heading").first).to_be_visible()
    visitor.shot(path)
    visitor.page.get_by_role("link", name="Workflows", exact=True).click()
    expect(visitor.row("quick-0")).to_be_visible()


def test_nexus_is_not_offered(visitor, shop):
    """The UI hides what the server's capabilities deny."""
    visitor.go(WORKFLOW_LIST)
    expect(visitor.page.get_by_role("link", name="Schedules", exact=True)).to_be_visible()
    expect(visitor.page.get_by_role("link", name="Nexus", exact=True)).to_have_count(0)


def test_a_page_uses_the_http_api(visitor, shop, cluster):
    """One of another origin, to which the configuration allows it: the browser asks first for what writes."""
    visitor.go("/healthz")
    ask = """async ([url, body]) => {
        const headers = {"Content-Type": "application/json"};
        const answer = await fetch(url, body ? {method: "POST", headers, body: JSON.stringify(body)} : {});
        return [answer.status, await answer.json()];
    }"""
    workflows = f"{cluster.http}/api/v1{NAMESPACE}/workflows"
    body = {"workflowType": {"name": "Quick"}, "taskQueue": {"name": QUEUE}, "input": ["page"]}
    status, answer = visitor.page.evaluate(ask, [f"{workflows}/by-a-page", body])
    assert status == 200 and answer["runId"], answer
    assert shop.do(shop.client.get_workflow_handle("by-a-page").result()) == "Hello, page!"
    status, answer = visitor.page.evaluate(ask, [f"{workflows}/by-a-page", None])
    assert (status, answer["workflowExecutionInfo"]["type"]["name"]) == (200, "Quick")
