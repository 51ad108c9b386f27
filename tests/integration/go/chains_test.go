package sdk

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

func TestCronHandsOnTheLastResult(t *testing.T) {
	s := begin(t)
	wf := func(ctx workflow.Context) (int, error) {
		var last int
		if workflow.HasLastCompletionResult(ctx) {
			if err := workflow.GetLastCompletionResult(ctx, &last); err != nil {
				return 0, err
			}
		}
		return last + 1, nil
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "cron"})
	})
	options := s.options()
	options.CronSchedule = "@every 1s"
	run := s.startWith(options, "cron")
	first := s.history(run.GetID(), run.GetRunID())
	s.eventually("the third run", func() bool {
		now, err := s.client.DescribeWorkflowExecution(s.ctx, run.GetID(), "")
		require.NoError(t, err)
		events := s.history(run.GetID(), now.WorkflowExecutionInfo.Execution.RunId)
		last := events[0].GetWorkflowExecutionStartedEventAttributes().LastCompletionResult
		return len(last.GetPayloads()) == 1 && string(last.Payloads[0].Data) == "2"
	})
	require.Equal(t, options.CronSchedule, first[0].GetWorkflowExecutionStartedEventAttributes().CronSchedule)
	require.NoError(t, s.client.TerminateWorkflow(s.ctx, run.GetID(), "", "enough"))
}

// rolls counts by updates, goes on as a new run when told and keeps its sum.
func rolls(ctx workflow.Context, sum int) (int, error) {
	err := workflow.SetUpdateHandler(ctx, "add", func(ctx workflow.Context, n int) (int, error) {
		sum += n
		return sum, nil
	})
	if err != nil {
		return 0, err
	}
	var word string
	workflow.GetSignalChannel(ctx, "go").Receive(ctx, &word)
	if word == "on" {
		return 0, workflow.NewContinueAsNewError(ctx, "rolls", sum)
	}
	return sum, nil
}

func TestUpdatesAcrossRunsAndResets(t *testing.T) {
	s := begin(t)
	s.worker(func(r worker.Registry) { r.RegisterWorkflowWithOptions(rolls, workflow.RegisterOptions{Name: "rolls"}) })
	run := s.start("rolls", 1)
	require.Equal(t, 3, s.updated(run, "", "add", 2))
	require.NoError(t, s.client.SignalWorkflow(s.ctx, run.GetID(), "", "go", "on"))
	s.eventually("the next run", func() bool {
		return s.status(run.GetID(), run.GetRunID()) == enumspb.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW
	})
	current := s.client.GetWorkflow(s.ctx, run.GetID(), "")
	require.NotEqual(t, run.GetRunID(), current.GetRunID())
	require.Equal(t, 8, s.updated(current, "five", "add", 5))

	// Back to before the update: it comes again, or not.
	require.Equal(t, 9, s.updated(s.client.GetWorkflow(s.ctx, run.GetID(), s.reset(run.GetID(), current.GetRunID(), 4)), "", "add", 1))
	bare := s.reset(run.GetID(), current.GetRunID(), 4, enumspb.RESET_REAPPLY_EXCLUDE_TYPE_UPDATE)
	require.Equal(t, 4, s.updated(s.client.GetWorkflow(s.ctx, run.GetID(), bare), "", "add", 1))
	require.NoError(t, s.client.SignalWorkflow(s.ctx, run.GetID(), "", "go", "home"))
	require.Equal(t, 4, result[int](s, s.client.GetWorkflow(s.ctx, run.GetID(), "")))
}

// What comes while its last workflow task is out makes the workflow decide anew.
func TestASignalOvertakesTheEnd(t *testing.T) {
	s := begin(t)
	var tries atomic.Int32
	began, told := make(chan struct{}, 8), make(chan struct{})
	wf := func(ctx workflow.Context) ([]string, error) {
		got := []string{}
		words := workflow.GetSignalChannel(ctx, "word")
		for word := ""; words.ReceiveAsync(&word); {
			got = append(got, word)
		}
		if tries.Add(1) == 1 {
			began <- struct{}{}
			<-told
		}
		return got, nil
	}
	s.workerWith(worker.Options{DeadlockDetectionTimeout: time.Minute}, func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "overtaken"})
	})
	run := s.start("overtaken")
	<-began
	require.NoError(t, s.client.SignalWorkflow(s.ctx, run.GetID(), "", "word", "late"))
	close(told)
	require.Equal(t, []string{"late"}, result[[]string](s, run))
	failed := find(s, s.history(run.GetID(), run.GetRunID()), enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED)
	require.Equal(t, enumspb.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND, failed.GetWorkflowTaskFailedEventAttributes().Cause)
}

func TestBrokenCodeIsTriedAgainUntilItIsMended(t *testing.T) {
	s := begin(t)
	var tries atomic.Int32
	wf := func(ctx workflow.Context) (string, error) {
		if tries.Add(1) <= 2 {
			panic("not written yet")
		}
		return "mended", nil
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "broken"})
	})
	options := s.options()
	options.WorkflowTaskTimeout = time.Second // only the first failure is told
	run := s.startWith(options, "broken")
	require.Equal(t, "mended", result[string](s, run))
	events := s.history(run.GetID(), run.GetRunID())
	require.Equal(t, 1, count(events, enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED), "later attempts leave no event")
	last := events[len(events)-4]
	require.EqualValues(t, 3, last.GetWorkflowTaskScheduledEventAttributes().GetAttempt(), last.String())
}

func TestQueriesOfClosedWorkflows(t *testing.T) {
	s := begin(t)
	wf := func(ctx workflow.Context, fail bool) error {
		err := workflow.SetQueryHandler(ctx, "state", func() (string, error) { return "ended", nil })
		if fail {
			err = errors.New("told to")
		}
		return err
	}
	s.worker(func(r worker.Registry) { r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "asked"}) })
	good, bad := s.start("asked", false), s.start("asked", true)
	require.NoError(t, good.Get(s.ctx, nil))
	require.Error(t, bad.Get(s.ctx, nil))
	ask := func(run client.WorkflowRun, condition enumspb.QueryRejectCondition) enumspb.WorkflowExecutionStatus {
		answer, err := s.client.QueryWorkflowWithOptions(s.ctx, &client.QueryWorkflowWithOptionsRequest{
			WorkflowID: run.GetID(), QueryType: "state", QueryRejectCondition: condition,
		})
		require.NoError(t, err)
		if answer.QueryRejected != nil {
			return answer.QueryRejected.Status
		}
		var state string
		require.NoError(t, answer.QueryResult.Get(&state))
		require.Equal(t, "ended", state)
		return enumspb.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED
	}
	none := enumspb.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED
	require.Equal(t, none, ask(good, enumspb.QUERY_REJECT_CONDITION_NONE))
	require.Equal(t, none, ask(good, enumspb.QUERY_REJECT_CONDITION_NOT_COMPLETED_CLEANLY))
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED, ask(good, enumspb.QUERY_REJECT_CONDITION_NOT_OPEN))
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED, ask(bad, enumspb.QUERY_REJECT_CONDITION_NOT_COMPLETED_CLEANLY))
}

func TestHistoryBackwardsAndDeletion(t *testing.T) {
	s := begin(t)
	s.worker(registerCounter)
	run := s.start(counter, 0)
	require.Equal(t, 1, s.updated(run, "", "add", 1))
	s.end(run)
	require.Equal(t, 1, result[int](s, run))
	forwards := s.history(run.GetID(), run.GetRunID())
	var token []byte
	at := len(forwards)
	for {
		page, err := s.client.WorkflowService().GetWorkflowExecutionHistoryReverse(s.ctx, &workflowservice.GetWorkflowExecutionHistoryReverseRequest{
			Namespace: "default", Execution: executionOf(run), MaximumPageSize: 3, NextPageToken: token,
		})
		require.NoError(t, err)
		for _, event := range page.History.Events {
			at--
			require.Equal(t, forwards[at].EventId, event.EventId)
			require.Equal(t, forwards[at].EventType, event.EventType)
		}
		if token = page.NextPageToken; len(token) == 0 {
			break
		}
	}
	require.Zero(t, at)
	_, err := s.client.WorkflowService().DeleteWorkflowExecution(s.ctx, &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: "default", WorkflowExecution: executionOf(run),
	})
	require.NoError(t, err)
	s.eventually("it is gone", func() bool {
		return s.status(run.GetID(), run.GetRunID()) == enumspb.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED
	})
}
