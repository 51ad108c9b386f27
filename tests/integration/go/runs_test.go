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

func TestWorkflowRetries(t *testing.T) {
	s := begin(t)
	wf := func(ctx workflow.Context, failures int32) (int32, error) {
		attempt := workflow.GetInfo(ctx).Attempt
		if attempt <= failures {
			return 0, errors.New("again")
		}
		return attempt, nil
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "again"})
	})
	options := s.options()
	options.RetryPolicy = &temporal.RetryPolicy{InitialInterval: 100 * time.Millisecond, MaximumAttempts: 3}
	run := s.startWith(options, "again", 2)
	first := run.GetRunID()
	require.EqualValues(t, 3, result[int32](s, run))
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_FAILED, s.status(run.GetID(), first))

	options.ID = unique("wf")
	err := s.startWith(options, "again", 5).Get(s.ctx, nil)
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, "again", app.Message())
}

func TestWorkflowRetriesAfterATimeout(t *testing.T) {
	s := begin(t)
	wf := func(ctx workflow.Context) (int32, error) {
		attempt := workflow.GetInfo(ctx).Attempt
		if attempt == 1 {
			return 0, workflow.Sleep(ctx, time.Hour)
		}
		return attempt, nil
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "slow-once"})
	})
	options := s.options()
	options.WorkflowRunTimeout = time.Second
	options.RetryPolicy = &temporal.RetryPolicy{InitialInterval: 100 * time.Millisecond}
	require.EqualValues(t, 2, result[int32](s, s.startWith(options, "slow-once")))
}

func TestEagerStart(t *testing.T) {
	s := begin(t)
	wf := func(workflow.Context) (string, error) { return "at once", nil }
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "eager"})
	})
	options := s.options()
	options.EnableEagerStart = true
	run := s.startWith(options, "eager")
	require.Equal(t, "at once", result[string](s, run))
	started := find(s, s.history(run.GetID(), run.GetRunID()), enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED)
	require.True(t, started.GetWorkflowExecutionStartedEventAttributes().EagerExecutionAccepted)
}

func TestUpsertMemoAndSearchAttributes(t *testing.T) {
	s := begin(t)
	key := temporal.NewSearchAttributeKeyKeywordList("BuildIds")
	wf := func(ctx workflow.Context) error {
		if err := workflow.UpsertMemo(ctx, map[string]interface{}{"a": 1, "b": nil}); err != nil {
			return err
		}
		return workflow.UpsertTypedSearchAttributes(ctx, key.ValueSet([]string{"one"}))
	}
	s.worker(func(r worker.Registry) {
		r.RegisterWorkflowWithOptions(wf, workflow.RegisterOptions{Name: "upserts"})
	})
	options := s.options()
	options.Memo = map[string]interface{}{"b": 2, "c": 3}
	run := s.startWith(options, "upserts")
	require.NoError(t, run.Get(s.ctx, nil))
	described, err := s.client.DescribeWorkflowExecution(s.ctx, run.GetID(), "")
	require.NoError(t, err)
	memo := described.WorkflowExecutionInfo.Memo.Fields
	require.Len(t, memo, 2)
	require.Contains(t, memo, "a")
	require.Contains(t, memo, "c")
}
