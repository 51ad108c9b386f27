package sdk

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

func childOf(ctx workflow.Context, options workflow.ChildWorkflowOptions) workflow.Context {
	return workflow.WithChildOptions(ctx, options)
}

func double(_ workflow.Context, n int) (int, error) { return 2 * n, nil }

func idle(ctx workflow.Context) error { return workflow.Sleep(ctx, time.Hour) }

func TestChildren(t *testing.T) {
	s := begin(t)
	wf := func(ctx workflow.Context, n int) (int, error) {
		var futures []workflow.ChildWorkflowFuture
		for i := 1; i <= n; i++ {
			futures = append(futures, workflow.ExecuteChildWorkflow(childOf(ctx, workflow.ChildWorkflowOptions{}), double, i))
		}
		sum := 0
		for _, future := range futures {
			var value int
			if err := future.Get(ctx, &value); err != nil {
				return 0, err
			}
			sum += value
		}
		return sum, nil
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "parent"})
		r.RegisterWorkflow(double)
	})
	run := s.start("parent", 20)
	require.Equal(t, 20*21, result[int](s, run))
	events := s.history(run.GetID(), run.GetRunID())
	for _, kind := range []enumspb.EventType{
		enumspb.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED,
		enumspb.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED,
		enumspb.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_COMPLETED,
	} {
		require.Equal(t, 20, count(events, kind), kind.String())
	}
	child := find(s, events, enumspb.EVENT_TYPE_CHILD_WORKFLOW_EXECUTION_STARTED).
		GetChildWorkflowExecutionStartedEventAttributes().WorkflowExecution
	started := s.history(child.WorkflowId, child.RunId)[0].GetWorkflowExecutionStartedEventAttributes()
	require.Equal(t, run.GetID(), started.ParentWorkflowExecution.WorkflowId)
	require.Equal(t, run.GetRunID(), started.ParentWorkflowExecution.RunId)
	require.Equal(t, run.GetID(), started.RootWorkflowExecution.WorkflowId)
}

func TestParentClosePolicies(t *testing.T) {
	s := begin(t)
	wf := func(ctx workflow.Context, id string, policy enumspb.ParentClosePolicy) error {
		child := workflow.ExecuteChildWorkflow(childOf(ctx, workflow.ChildWorkflowOptions{
			WorkflowID: id, ParentClosePolicy: policy}), idle)
		return child.GetChildWorkflowExecution().Get(ctx, nil)
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "closes"})
		r.RegisterWorkflow(idle)
	})
	for policy, want := range map[enumspb.ParentClosePolicy]enumspb.WorkflowExecutionStatus{
		enumspb.PARENT_CLOSE_POLICY_TERMINATE:      enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED,
		enumspb.PARENT_CLOSE_POLICY_REQUEST_CANCEL: enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED,
		enumspb.PARENT_CLOSE_POLICY_ABANDON:        enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING,
	} {
		id := unique("child")
		require.NoError(t, s.start("closes", id, policy).Get(s.ctx, nil))
		s.eventually(policy.String(), func() bool { return s.status(id, "") == want })
		if want == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
			require.NoError(t, s.client.TerminateWorkflow(s.ctx, id, "", "the end of the test"))
		}
	}
}

func TestChildFailuresReachTheParent(t *testing.T) {
	s := begin(t)
	fails := func(workflow.Context) error { return temporal.NewApplicationError("broken", "Broken") }
	wf := func(ctx workflow.Context) ([]string, error) {
		var got []string
		err := workflow.ExecuteChildWorkflow(childOf(ctx, workflow.ChildWorkflowOptions{}), "fails").Get(ctx, nil)
		var app *temporal.ApplicationError
		if errors.As(err, &app) {
			got = append(got, app.Type())
		}
		err = workflow.ExecuteChildWorkflow(childOf(ctx, workflow.ChildWorkflowOptions{
			WorkflowRunTimeout: time.Second}), idle).Get(ctx, nil)
		var timeout *temporal.TimeoutError
		if errors.As(err, &timeout) {
			got = append(got, "timeout")
		}
		inner, cancel := workflow.WithCancel(childOf(ctx, workflow.ChildWorkflowOptions{WaitForCancellation: true}))
		child := workflow.ExecuteChildWorkflow(inner, idle)
		if err := child.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
			return nil, err
		}
		cancel()
		if temporal.IsCanceledError(child.Get(ctx, nil)) {
			got = append(got, "canceled")
		}
		return got, nil
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "sees"})
		r.RegisterWorkflowWithOptions(fails, workflow.RegisterOptions{Name: "fails"})
		r.RegisterWorkflow(idle)
	})
	require.Equal(t, []string{"Broken", "timeout", "canceled"}, result[[]string](s, s.start("sees")))
}

func TestChildIDThatIsTaken(t *testing.T) {
	s := begin(t)
	wf := func(ctx workflow.Context, id string) (bool, error) {
		err := workflow.ExecuteChildWorkflow(childOf(ctx, workflow.ChildWorkflowOptions{WorkflowID: id}), idle).Get(ctx, nil)
		return temporal.IsWorkflowExecutionAlreadyStartedError(err), nil
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "taken"})
		r.RegisterWorkflow(idle)
	})
	run := s.start(idle)
	require.True(t, result[bool](s, s.start("taken", run.GetID())))
	require.NoError(t, s.client.TerminateWorkflow(s.ctx, run.GetID(), "", "the end of the test"))
}

func TestChildContinuesAsNew(t *testing.T) {
	s := begin(t)
	countdown := func(ctx workflow.Context, n int) (int, error) {
		if n == 0 {
			return 11, nil
		}
		return 0, workflow.NewContinueAsNewError(ctx, "countdown", n-1)
	}
	wf := func(ctx workflow.Context) (int, error) {
		var value int
		err := workflow.ExecuteChildWorkflow(childOf(ctx, workflow.ChildWorkflowOptions{}), "countdown", 3).Get(ctx, &value)
		return value, err
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "waits"})
		r.RegisterWorkflowWithOptions(countdown, workflow.RegisterOptions{Name: "countdown"})
	})
	require.Equal(t, 11, result[int](s, s.start("waits")))
}

func TestSignalAndCancelAnotherWorkflow(t *testing.T) {
	s := begin(t)
	wf := func(ctx workflow.Context, collector, sleeper string) ([]bool, error) {
		sent := workflow.SignalExternalWorkflow(ctx, collector, "", "add", "from outside").Get(ctx, nil) == nil
		canceled := workflow.RequestCancelExternalWorkflow(ctx, sleeper, "").Get(ctx, nil) == nil
		nobody := workflow.SignalExternalWorkflow(ctx, "there is no such workflow", "", "add", "x").Get(ctx, nil) != nil
		return []bool{sent, canceled, nobody}, nil
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "reaches"})
		r.RegisterWorkflow(collect)
		r.RegisterWorkflow(idle)
	})
	collector, sleeper := s.start(collect, 1), s.start(idle)
	run := s.start("reaches", collector.GetID(), sleeper.GetID())
	require.Equal(t, []bool{true, true, true}, result[[]bool](s, run))
	require.Equal(t, []string{"from outside"}, result[[]string](s, collector))
	require.True(t, temporal.IsCanceledError(sleeper.Get(s.ctx, nil)))
}

func TestParentSignalsItsChild(t *testing.T) {
	s := begin(t)
	wf := func(ctx workflow.Context) ([]string, error) {
		child := workflow.ExecuteChildWorkflow(childOf(ctx, workflow.ChildWorkflowOptions{}), collect, 2)
		for _, value := range []string{"x", "y"} {
			if err := child.SignalChildWorkflow(ctx, "add", value).Get(ctx, nil); err != nil {
				return nil, err
			}
		}
		var got []string
		err := child.Get(ctx, &got)
		return got, err
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "signals"})
		r.RegisterWorkflow(collect)
	})
	require.Equal(t, []string{"x", "y"}, result[[]string](s, s.start("signals")))
}
