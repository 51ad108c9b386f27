package sdk

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

func collect(ctx workflow.Context, want int) ([]string, error) {
	var got []string
	ch := workflow.GetSignalChannel(ctx, "add")
	if err := workflow.SetQueryHandler(ctx, "got", func() ([]string, error) { return got, nil }); err != nil {
		return nil, err
	}
	for len(got) < want {
		var value string
		ch.Receive(ctx, &value)
		got = append(got, value)
	}
	return got, nil
}

func TestSignalsAndQueries(t *testing.T) {
	s := begin(t)
	s.worker(func(r worker.Registry) { r.RegisterWorkflow(collect) })
	run := s.start(collect, 3)
	for _, value := range []string{"a", "b"} {
		require.NoError(t, s.client.SignalWorkflow(s.ctx, run.GetID(), "", "add", value))
	}
	s.eventually("both signals are seen", func() bool {
		var got []string
		answer, err := s.client.QueryWorkflow(s.ctx, run.GetID(), "", "got")
		return err == nil && answer.Get(&got) == nil && len(got) == 2
	})
	require.NoError(t, s.client.SignalWorkflow(s.ctx, run.GetID(), run.GetRunID(), "add", "c"))
	require.Equal(t, []string{"a", "b", "c"}, result[[]string](s, run))
	_, err := s.client.QueryWorkflow(s.ctx, run.GetID(), "", "unknown")
	var failed *serviceerror.QueryFailed
	require.ErrorAs(t, err, &failed)
}

func TestSignalWithStart(t *testing.T) {
	s := begin(t)
	s.worker(func(r worker.Registry) { r.RegisterWorkflow(collect) })
	options := s.options()
	first, err := s.client.SignalWithStartWorkflow(s.ctx, options.ID, "add", "one", options, collect, 2)
	require.NoError(t, err)
	second, err := s.client.SignalWithStartWorkflow(s.ctx, options.ID, "add", "two", options, collect, 2)
	require.NoError(t, err)
	require.Equal(t, first.GetRunID(), second.GetRunID())
	require.Equal(t, []string{"one", "two"}, result[[]string](s, first))
	third, err := s.client.SignalWithStartWorkflow(s.ctx, options.ID, "add", "three", options, collect, 1)
	require.NoError(t, err)
	require.NotEqual(t, first.GetRunID(), third.GetRunID())
	require.Equal(t, []string{"three"}, result[[]string](s, third))
}

func TestContinueAsNew(t *testing.T) {
	s := begin(t)
	var countdown func(ctx workflow.Context, n int) (int, error)
	countdown = func(ctx workflow.Context, n int) (int, error) {
		if n == 0 {
			return 7, nil
		}
		return 0, workflow.NewContinueAsNewError(ctx, "countdown", n-1)
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(countdown, workflow.RegisterOptions{Name: "countdown"})
	})
	run := s.start("countdown", 3)
	firstID := run.GetRunID()
	require.Equal(t, 7, result[int](s, run))
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW, s.status(run.GetID(), firstID))
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, s.status(run.GetID(), ""))
}

// What a workflow may not compute twice is recorded once; a worker that never saw the run replays it.
func TestSideEffectsVersionsAndPatchesSurviveReplay(t *testing.T) {
	s := begin(t)
	var calls atomic.Int32
	wf := func(ctx workflow.Context) ([]int, error) {
		var first, mutable int
		if err := workflow.SideEffect(ctx, func(workflow.Context) interface{} {
			return int(calls.Add(1))
		}).Get(&first); err != nil {
			return nil, err
		}
		if err := workflow.MutableSideEffect(ctx, "m", func(workflow.Context) interface{} {
			return 5
		}, func(a, b interface{}) bool { return a == b }).Get(&mutable); err != nil {
			return nil, err
		}
		version := workflow.GetVersion(ctx, "change", workflow.DefaultVersion, 2)
		if err := workflow.Sleep(ctx, 300*time.Millisecond); err != nil {
			return nil, err
		}
		again := workflow.GetVersion(ctx, "change", workflow.DefaultVersion, 2)
		return []int{first, mutable, int(version), int(again)}, nil
	}
	options := worker.Options{StickyScheduleToStartTimeout: time.Second}
	register := func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "effects"})
	}
	before := s.workerWith(options, register)
	run := s.start("effects")
	s.eventually("its first task is done", func() bool {
		return count(s.history(run.GetID(), run.GetRunID()), enumspb.EVENT_TYPE_TIMER_STARTED) == 1
	})
	before.Stop()
	s.workerWith(options, register)
	require.Equal(t, []int{1, 5, 2, 2}, result[[]int](s, run))
	events := s.history(run.GetID(), run.GetRunID())
	require.Equal(t, 3, count(events, enumspb.EVENT_TYPE_MARKER_RECORDED))
	require.Equal(t, 1, count(events, enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES))
}

func TestCancellationScopes(t *testing.T) {
	s := begin(t)
	wait := func(ctx context.Context) error {
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(50 * time.Millisecond):
				activity.RecordHeartbeat(ctx)
			}
		}
	}
	wf := func(ctx workflow.Context) ([]string, error) {
		var steps []string
		options := workflow.ActivityOptions{
			StartToCloseTimeout: 30 * time.Second,
			HeartbeatTimeout:    2 * time.Second,
			WaitForCancellation: true,
		}
		// A scope of its own is cancelled, the rest goes on.
		inner, cancel := workflow.WithCancel(ctx)
		timer := workflow.NewTimer(inner, time.Hour)
		cancel()
		if temporal.IsCanceledError(timer.Get(ctx, nil)) {
			steps = append(steps, "timer")
		}
		// The run is cancelled from outside: the activity hears of it by its heartbeat ...
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), "wait").Get(ctx, nil)
		if temporal.IsCanceledError(err) {
			steps = append(steps, "activity")
		}
		// ... and what must be cleaned up runs apart from it.
		apart, done := workflow.NewDisconnectedContext(ctx)
		defer done()
		var value int
		if err := workflow.ExecuteActivity(quick(apart), square, 3).Get(apart, &value); err != nil {
			return nil, err
		}
		if value == 9 {
			steps = append(steps, "cleanup")
		}
		return steps, nil
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "scopes"})
		r.RegisterActivityWithOptions(wait, activity.RegisterOptions{Name: "wait"})
		r.RegisterActivity(square)
	})
	run := s.start("scopes")
	s.eventually("the activity runs", func() bool {
		described, err := s.client.DescribeWorkflowExecution(s.ctx, run.GetID(), "")
		return err == nil && len(described.PendingActivities) == 1 &&
			described.PendingActivities[0].State == enumspb.PENDING_ACTIVITY_STATE_STARTED
	})
	require.NoError(t, s.client.CancelWorkflow(s.ctx, run.GetID(), ""))
	require.Equal(t, []string{"timer", "activity", "cleanup"}, result[[]string](s, run))
}

func TestCancelledAndTerminated(t *testing.T) {
	s := begin(t)
	wf := func(ctx workflow.Context) error { return workflow.Sleep(ctx, time.Hour) }
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "sleep"})
	})
	run := s.start("sleep")
	require.NoError(t, s.client.CancelWorkflow(s.ctx, run.GetID(), ""))
	require.True(t, temporal.IsCanceledError(run.Get(s.ctx, nil)))
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED, s.status(run.GetID(), ""))

	run = s.start("sleep")
	require.NoError(t, s.client.TerminateWorkflow(s.ctx, run.GetID(), "", "enough", "detail"))
	var terminated *temporal.TerminatedError
	require.ErrorAs(t, run.Get(s.ctx, nil), &terminated)
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, s.status(run.GetID(), ""))
}

func TestIDPolicies(t *testing.T) {
	s := begin(t)
	wf := func(ctx workflow.Context, fail bool) error {
		if fail {
			return errors.New("failed")
		}
		workflow.GetSignalChannel(ctx, "end").Receive(ctx, nil)
		return nil
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "policies"})
	})
	options := s.options()
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	first := s.startWith(options, "policies", false)

	var started *serviceerror.WorkflowExecutionAlreadyStarted
	_, err := s.client.ExecuteWorkflow(s.ctx, options, "policies", false)
	require.ErrorAs(t, err, &started)
	require.Equal(t, first.GetRunID(), started.RunId)

	existing := options
	existing.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	require.Equal(t, first.GetRunID(), s.startWith(existing, "policies", false).GetRunID())

	replace := options
	replace.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING
	second := s.startWith(replace, "policies", false)
	require.NotEqual(t, first.GetRunID(), second.GetRunID())
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, s.status(options.ID, first.GetRunID()))

	require.NoError(t, s.client.SignalWorkflow(s.ctx, options.ID, "", "end", nil))
	require.NoError(t, second.Get(s.ctx, nil))

	failedOnly := options
	failedOnly.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY
	_, err = s.client.ExecuteWorkflow(s.ctx, failedOnly, "policies", false)
	require.ErrorAs(t, err, &started, "the last run completed")
	third := s.startWith(options, "policies", true)
	require.Error(t, third.Get(s.ctx, nil))
	fourth := s.startWith(failedOnly, "policies", true)
	require.Error(t, fourth.Get(s.ctx, nil))

	reject := options
	reject.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	_, err = s.client.ExecuteWorkflow(s.ctx, reject, "policies", true)
	require.ErrorAs(t, err, &started)
}

func TestWorkflowTimeouts(t *testing.T) {
	s := begin(t)
	wf := func(ctx workflow.Context) error { return workflow.Sleep(ctx, time.Hour) }
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "sleep"})
	})
	var timeout *temporal.TimeoutError
	options := s.options()
	options.WorkflowRunTimeout = time.Second
	require.ErrorAs(t, s.startWith(options, "sleep").Get(s.ctx, nil), &timeout)
	options = s.options()
	options.WorkflowExecutionTimeout = time.Second
	run := s.startWith(options, "sleep")
	require.ErrorAs(t, run.Get(s.ctx, nil), &timeout)
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_TIMED_OUT, s.status(run.GetID(), ""))
}

func TestStartDelay(t *testing.T) {
	s := begin(t)
	wf := func(ctx workflow.Context) (string, error) { return "late", nil }
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "late"})
	})
	options := s.options()
	options.StartDelay = time.Second
	began := time.Now()
	require.Equal(t, "late", result[string](s, s.startWith(options, "late")))
	require.GreaterOrEqual(t, time.Since(began), time.Second)
}

// The worker that has the run in its cache is gone: its task goes back to the normal queue.
func TestStickyFallsBackWhenTheWorkerIsGone(t *testing.T) {
	s := begin(t)
	options := worker.Options{StickyScheduleToStartTimeout: 2 * time.Second}
	first := worker.New(s.client, s.queue, options)
	first.RegisterWorkflow(collect)
	require.NoError(t, first.Start())
	run := s.start(collect, 2)
	require.NoError(t, s.client.SignalWorkflow(s.ctx, run.GetID(), "", "add", "first"))
	s.eventually("the first worker saw it", func() bool {
		answer, err := s.client.QueryWorkflow(s.ctx, run.GetID(), "", "got")
		var got []string
		return err == nil && answer.Get(&got) == nil && len(got) == 1
	})
	first.Stop()
	s.workerWith(options, func(r worker.Registry) { r.RegisterWorkflow(collect) })
	require.NoError(t, s.client.SignalWorkflow(s.ctx, run.GetID(), "", "add", "second"))
	require.Equal(t, []string{"first", "second"}, result[[]string](s, run))
}
