package sdk

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	activitypb "go.temporal.io/api/activity/v1"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

func TestNextRetryDelayIsTheActivitys(t *testing.T) {
	s := begin(t)
	fail := func(ctx context.Context) (int32, error) {
		if attempt := activity.GetInfo(ctx).Attempt; attempt > 1 {
			return attempt, nil
		}
		return 0, temporal.NewApplicationErrorWithOptions("soon", "Soon", temporal.ApplicationErrorOptions{NextRetryDelay: 10 * time.Millisecond})
	}
	wf := func(ctx workflow.Context) (int32, error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: 10 * time.Second,
			RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Hour},
		})
		var attempt int32
		err := workflow.ExecuteActivity(ctx, "soon").Get(ctx, &attempt)
		return attempt, err
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "soon"})
		r.RegisterActivityWithOptions(fail, activity.RegisterOptions{Name: "soon"})
	})
	require.EqualValues(t, 2, result[int32](s, s.start("soon")))
}

// It starts in the moment in which it is scheduled: what ends first is the time from there.
func TestEagerActivityTimesOutByItsSchedule(t *testing.T) {
	s := begin(t)
	release := make(chan struct{})
	slow := func(ctx context.Context) error {
		<-release
		return nil
	}
	wf := func(ctx workflow.Context) (string, error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			ScheduleToCloseTimeout: 300 * time.Millisecond,
			RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
		})
		err := workflow.ExecuteActivity(ctx, "slow").Get(ctx, nil)
		var timeout *temporal.TimeoutError
		if !errors.As(err, &timeout) {
			return "", errors.New("no time-out")
		}
		return timeout.TimeoutType().String(), nil
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "eager-slow"})
		r.RegisterActivityWithOptions(slow, activity.RegisterOptions{Name: "slow"})
	})
	s.Cleanup(func() { close(release) })
	require.Equal(t, "ScheduleToClose", result[string](s, s.start("eager-slow")))
}

func TestCancelledActivityCleansUp(t *testing.T) {
	s := begin(t)
	work := func(ctx context.Context) (string, error) {
		for {
			activity.RecordHeartbeat(ctx, "at work")
			select {
			case <-ctx.Done():
				return "", temporal.NewCanceledError("cleaned up")
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	wf := func(ctx workflow.Context) (string, error) {
		inner, cancel := workflow.WithCancel(ctx)
		inner = workflow.WithActivityOptions(inner, workflow.ActivityOptions{
			StartToCloseTimeout: time.Minute, HeartbeatTimeout: time.Second, WaitForCancellation: true,
		})
		working := workflow.ExecuteActivity(inner, "work")
		workflow.GetSignalChannel(ctx, "stop").Receive(ctx, nil)
		cancel()
		var canceled *temporal.CanceledError
		if err := working.Get(ctx, nil); !errors.As(err, &canceled) {
			return "", err
		}
		var detail string
		err := canceled.Details(&detail)
		return detail, err
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "cancels"})
		r.RegisterActivityWithOptions(work, activity.RegisterOptions{Name: "work"})
	})
	run := s.start("cancels")
	pending := s.pendingActivity(run, func(a *workflowpb.PendingActivityInfo) bool { return a.HeartbeatDetails != nil })
	require.Equal(t, enumspb.PENDING_ACTIVITY_STATE_STARTED, pending.State)
	require.Equal(t, "work", pending.ActivityType.Name)
	require.NoError(t, s.client.SignalWorkflow(s.ctx, run.GetID(), "", "stop", nil))
	require.Equal(t, "cleaned up", result[string](s, run))
	events := s.history(run.GetID(), run.GetRunID())
	require.Equal(t, 1, count(events, enumspb.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED))
	require.Equal(t, 1, count(events, enumspb.EVENT_TYPE_ACTIVITY_TASK_CANCELED))
}

// Nobody serves the queue that it waits on: its options are changed to one that somebody does.
func TestActivityOptionsAreChanged(t *testing.T) {
	s := begin(t)
	wf := func(ctx workflow.Context, nobody string) (string, error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{TaskQueue: nobody, StartToCloseTimeout: 10 * time.Second})
		var word string
		err := workflow.ExecuteActivity(ctx, "says").Get(ctx, &word)
		return word, err
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "moved"})
		r.RegisterActivityWithOptions(func() (string, error) { return "here", nil }, activity.RegisterOptions{Name: "says"})
	})
	run := s.start("moved", unique("nobody"))
	pending := s.pendingActivity(run, func(*workflowpb.PendingActivityInfo) bool { return true })
	answer, err := s.client.WorkflowService().UpdateActivityOptions(s.ctx, &workflowservice.UpdateActivityOptionsRequest{
		Namespace: "default", Execution: executionOf(run),
		Activity:        &workflowservice.UpdateActivityOptionsRequest_Id{Id: pending.ActivityId},
		ActivityOptions: &activitypb.ActivityOptions{TaskQueue: &taskqueuepb.TaskQueue{Name: s.queue}},
		UpdateMask:      &fieldmaskpb.FieldMask{Paths: []string{"task_queue.name"}},
	})
	require.NoError(t, err)
	require.Equal(t, s.queue, answer.ActivityOptions.TaskQueue.Name)
	require.Equal(t, "here", result[string](s, run))
}
