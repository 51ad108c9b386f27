package sdk

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// pendingActivity is the run's only pending activity, once it is as the test wants it.
func (s *session) pendingActivity(run client.WorkflowRun, wanted func(*workflowpb.PendingActivityInfo) bool) *workflowpb.PendingActivityInfo {
	for {
		described, err := s.client.DescribeWorkflowExecution(s.ctx, run.GetID(), run.GetRunID())
		require.NoError(s, err)
		if len(described.PendingActivities) == 1 && wanted(described.PendingActivities[0]) {
			return described.PendingActivities[0]
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func executionOf(run client.WorkflowRun) *commonpb.WorkflowExecution {
	return &commonpb.WorkflowExecution{WorkflowId: run.GetID(), RunId: run.GetRunID()}
}

func TestActivityPauseAndResetAreHeard(t *testing.T) {
	s := begin(t)
	// An attempt that is paused fails, one that is reset is content.
	listen := func(ctx context.Context) (string, error) {
		for {
			activity.RecordHeartbeat(ctx)
			select {
			case <-ctx.Done():
				if errors.Is(context.Cause(ctx), activity.ErrActivityReset) {
					return "reset", nil
				}
				if errors.Is(context.Cause(ctx), activity.ErrActivityPaused) {
					return "", errors.New("paused")
				}
				return "", ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	wf := func(ctx workflow.Context) (string, error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: 50 * time.Second,
			HeartbeatTimeout:    500 * time.Millisecond, // beats are sent after four fifths of it
			RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 10 * time.Millisecond},
		})
		var heard string
		err := workflow.ExecuteActivity(ctx, "listen").Get(ctx, &heard)
		return heard, err
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "listens"})
		r.RegisterActivityWithOptions(listen, activity.RegisterOptions{Name: "listen"})
	})
	run := s.start("listens")
	service := s.client.WorkflowService()
	beats := func(a *workflowpb.PendingActivityInfo) bool {
		return a.State == enumspb.PENDING_ACTIVITY_STATE_STARTED && a.LastHeartbeatTime != nil
	}
	id := s.pendingActivity(run, beats).ActivityId
	_, err := service.PauseActivity(s.ctx, &workflowservice.PauseActivityRequest{
		Namespace: "default", Execution: executionOf(run), Reason: "test",
		Activity: &workflowservice.PauseActivityRequest_Id{Id: id}})
	require.NoError(t, err)
	paused := s.pendingActivity(run, func(a *workflowpb.PendingActivityInfo) bool {
		return a.State == enumspb.PENDING_ACTIVITY_STATE_PAUSED
	})
	require.Equal(t, "paused", paused.LastFailure.Message)
	require.Equal(t, "test", paused.PauseInfo.GetManual().Reason)
	_, err = service.UnpauseActivity(s.ctx, &workflowservice.UnpauseActivityRequest{
		Namespace: "default", Execution: executionOf(run), ResetAttempts: true,
		Activity: &workflowservice.UnpauseActivityRequest_Type{Type: "listen"}})
	require.NoError(t, err)
	s.pendingActivity(run, beats)
	_, err = service.ResetActivity(s.ctx, &workflowservice.ResetActivityRequest{
		Namespace: "default", Execution: executionOf(run),
		Activity: &workflowservice.ResetActivityRequest_MatchAll{MatchAll: true}})
	require.NoError(t, err)
	require.Equal(t, "reset", result[string](s, run))
}

// (The SDK's workers know no Paused event: they can't live through a pause.)
func TestWorkflowPauseIsRefused(t *testing.T) {
	s := begin(t)
	_, err := s.client.WorkflowService().PauseWorkflowExecution(s.ctx, &workflowservice.PauseWorkflowExecutionRequest{
		Namespace: "default", WorkflowId: s.queue, Reason: "test"})
	var unimplemented *serviceerror.Unimplemented
	require.ErrorAs(t, err, &unimplemented)
}
