package sdk

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

func square(_ context.Context, n int) (int, error) { return n * n, nil }

func flaky(ctx context.Context, failures int32) (int32, error) {
	attempt := activity.GetInfo(ctx).Attempt
	if attempt <= failures {
		return 0, errors.New("not yet")
	}
	return attempt, nil
}

func TestActivityRetries(t *testing.T) {
	s := begin(t)
	wf := func(ctx workflow.Context) (int32, error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: 10 * time.Second,
			RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 10 * time.Millisecond},
		})
		var attempt int32
		err := workflow.ExecuteActivity(ctx, flaky, 3).Get(ctx, &attempt)
		return attempt, err
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "retries"})
		r.RegisterActivity(flaky)
	})
	require.EqualValues(t, 4, result[int32](s, s.start("retries")))
}

func TestActivityNonRetryableError(t *testing.T) {
	s := begin(t)
	fail := func(context.Context) error {
		return temporal.NewNonRetryableApplicationError("no", "Fatal", nil, "detail")
	}
	wf := func(ctx workflow.Context) (string, error) {
		err := workflow.ExecuteActivity(quick(ctx), "fail").Get(ctx, nil)
		var app *temporal.ApplicationError
		if !errors.As(err, &app) || !app.NonRetryable() {
			return "", errors.New("another error")
		}
		var detail string
		_ = app.Details(&detail)
		return app.Type() + " " + detail, nil
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "fatal"})
		r.RegisterActivityWithOptions(fail, activity.RegisterOptions{Name: "fail"})
	})
	require.Equal(t, "Fatal detail", result[string](s, s.start("fatal")))
}

func TestLocalActivity(t *testing.T) {
	s := begin(t)
	wf := func(ctx workflow.Context) (int, error) {
		ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
			ScheduleToCloseTimeout: 20 * time.Second,
			RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Millisecond},
		})
		sum := 0
		for n := 1; n <= 3; n++ {
			var value int
			if err := workflow.ExecuteLocalActivity(ctx, square, n).Get(ctx, &value); err != nil {
				return 0, err
			}
			sum += value
		}
		var attempt int32
		err := workflow.ExecuteLocalActivity(ctx, flaky, int32(2)).Get(ctx, &attempt)
		return sum + int(attempt), err
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "local"})
	})
	run := s.start("local")
	require.Equal(t, 1+4+9+3, result[int](s, run))
	events := s.history(run.GetID(), run.GetRunID())
	require.Equal(t, 4, count(events, enumspb.EVENT_TYPE_MARKER_RECORDED))
	require.Zero(t, count(events, enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED))
}

// A local activity that outlives the workflow task's time-out keeps it alive by heartbeats.
func TestLongLocalActivity(t *testing.T) {
	s := begin(t)
	slow := func(context.Context) (string, error) {
		time.Sleep(3 * time.Second)
		return "slow", nil
	}
	wf := func(ctx workflow.Context) (string, error) {
		ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
			ScheduleToCloseTimeout: 20 * time.Second,
		})
		var value string
		err := workflow.ExecuteLocalActivity(ctx, slow).Get(ctx, &value)
		return value, err
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "long-local"})
	})
	options := s.options()
	options.WorkflowTaskTimeout = time.Second
	run := s.startWith(options, "long-local")
	require.Equal(t, "slow", result[string](s, run))
	events := s.history(run.GetID(), run.GetRunID())
	require.Greater(t, count(events, enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED), 1)
	require.Zero(t, count(events, enumspb.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT))
}

func asyncWorkflow(ctx workflow.Context) (string, error) {
	var value string
	err := workflow.ExecuteActivity(quick(ctx), "pending").Get(ctx, &value)
	return value, err
}

func TestAsyncCompletionByToken(t *testing.T) {
	s := begin(t)
	tokens := make(chan []byte, 1)
	pending := func(ctx context.Context) (string, error) {
		tokens <- activity.GetInfo(ctx).TaskToken
		return "", activity.ErrResultPending
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflow(asyncWorkflow)
		r.RegisterActivityWithOptions(pending, activity.RegisterOptions{Name: "pending"})
	})
	run := s.start(asyncWorkflow)
	token := <-tokens
	require.NoError(t, s.client.RecordActivityHeartbeat(s.ctx, token, 1))
	require.NoError(t, s.client.CompleteActivity(s.ctx, token, "by token", nil))
	require.Equal(t, "by token", result[string](s, run))
	require.Error(t, s.client.RecordActivityHeartbeat(s.ctx, token, 2), "the activity is over")
}

func TestAsyncCompletionByID(t *testing.T) {
	s := begin(t)
	ids := make(chan string, 1)
	pending := func(ctx context.Context) (string, error) {
		ids <- activity.GetInfo(ctx).ActivityID
		return "", activity.ErrResultPending
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflow(asyncWorkflow)
		r.RegisterActivityWithOptions(pending, activity.RegisterOptions{Name: "pending"})
	})
	run := s.start(asyncWorkflow)
	require.NoError(t, s.client.CompleteActivityByID(s.ctx, "default", run.GetID(), run.GetRunID(), <-ids, "by id", nil))
	require.Equal(t, "by id", result[string](s, run))
}

func TestHeartbeatDetailsReachTheNextAttempt(t *testing.T) {
	s := begin(t)
	beat := func(ctx context.Context) (int, error) {
		if activity.HasHeartbeatDetails(ctx) {
			var at int
			err := activity.GetHeartbeatDetails(ctx, &at)
			return at, err
		}
		activity.RecordHeartbeat(ctx, 42)
		return 0, errors.New("lost")
	}
	wf := func(ctx workflow.Context) (int, error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			StartToCloseTimeout: 10 * time.Second,
			HeartbeatTimeout:    5 * time.Second,
			RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 10 * time.Millisecond},
		})
		var at int
		err := workflow.ExecuteActivity(ctx, "beat").Get(ctx, &at)
		return at, err
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "beats"})
		r.RegisterActivityWithOptions(beat, activity.RegisterOptions{Name: "beat"})
	})
	require.Equal(t, 42, result[int](s, s.start("beats")))
}

func TestActivityTimeouts(t *testing.T) {
	s := begin(t)
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	wf := func(ctx workflow.Context, options workflow.ActivityOptions) (enumspb.TimeoutType, error) {
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), "hang").Get(ctx, nil)
		var timeout *temporal.TimeoutError
		if !errors.As(err, &timeout) {
			return 0, errors.New("another error")
		}
		return timeout.TimeoutType(), nil
	}
	once := &temporal.RetryPolicy{MaximumAttempts: 1}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "times-out"})
		r.RegisterActivityWithOptions(hang, activity.RegisterOptions{Name: "hang"})
	})
	for kind, options := range map[enumspb.TimeoutType]workflow.ActivityOptions{
		enumspb.TIMEOUT_TYPE_START_TO_CLOSE: {StartToCloseTimeout: time.Second, RetryPolicy: once},
		enumspb.TIMEOUT_TYPE_HEARTBEAT: {
			StartToCloseTimeout: 30 * time.Second, HeartbeatTimeout: time.Second, RetryPolicy: once},
		enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START: {
			TaskQueue: unique("nobody"), StartToCloseTimeout: 30 * time.Second,
			ScheduleToStartTimeout: time.Second, RetryPolicy: once},
	} {
		require.Equal(t, kind, result[enumspb.TimeoutType](s, s.start("times-out", options)), kind.String())
	}
}
