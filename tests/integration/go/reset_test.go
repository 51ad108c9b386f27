package sdk

import (
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// reset gives the id of the new run.
func (s *session) reset(id, runID string, eventID int64, exclude ...enumspb.ResetReapplyExcludeType) string {
	s.Helper()
	answer, err := s.client.ResetWorkflowExecution(s.ctx, &workflowservice.ResetWorkflowExecutionRequest{
		Namespace:                 "default",
		WorkflowExecution:         &commonpb.WorkflowExecution{WorkflowId: id, RunId: runID},
		Reason:                    "again",
		RequestId:                 unique("reset"),
		WorkflowTaskFinishEventId: eventID,
		ResetReapplyExcludeTypes:  exclude,
	})
	require.NoError(s, err)
	return answer.RunId
}

func TestReset(t *testing.T) {
	s := begin(t)
	double := func(n int) (int, error) { return 2 * n, nil }
	wf := func(ctx workflow.Context) ([]int, error) {
		var values []int
		signals := workflow.GetSignalChannel(ctx, "add")
		for len(values) < 3 {
			var n, doubled int
			signals.Receive(ctx, &n)
			if err := workflow.ExecuteActivity(quick(ctx), "double", n).Get(ctx, &doubled); err != nil {
				return nil, err
			}
			values = append(values, doubled)
		}
		return values, nil
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "adds"})
		r.RegisterActivityWithOptions(double, activity.RegisterOptions{Name: "double"})
	})
	run := s.start("adds")
	first := run.GetRunID()
	s.eventually("the first workflow task", func() bool {
		return count(s.history(run.GetID(), first), enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED) == 1
	})
	for n := 1; n <= 3; n++ {
		require.NoError(t, s.client.SignalWorkflow(s.ctx, run.GetID(), "", "add", n))
	}
	require.Equal(t, []int{2, 4, 6}, result[[]int](s, run))

	for _, event := range s.history(run.GetID(), first) {
		if event.EventType != enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			continue
		}
		again := s.reset(run.GetID(), first, event.EventId)
		require.Equal(t, []int{2, 4, 6}, result[[]int](s, s.client.GetWorkflow(s.ctx, run.GetID(), again)))
		failed := find(s, s.history(run.GetID(), again), enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED)
		require.Equal(t, first, failed.GetWorkflowTaskFailedEventAttributes().BaseRunId)
		require.Equal(t, again, failed.GetWorkflowTaskFailedEventAttributes().NewRunId)
	}

	bare := s.reset(run.GetID(), first, 4, enumspb.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL)
	for n := 4; n <= 6; n++ {
		require.NoError(t, s.client.SignalWorkflow(s.ctx, run.GetID(), bare, "add", n))
	}
	require.Equal(t, []int{8, 10, 12}, result[[]int](s, s.client.GetWorkflow(s.ctx, run.GetID(), bare)))
}
