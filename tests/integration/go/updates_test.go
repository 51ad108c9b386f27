package sdk

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// counter adds what updates bring until it is told to end, and gives the sum.
func counter(ctx workflow.Context, sum int) (int, error) {
	add := func(ctx workflow.Context, n int) (int, error) {
		sum += n
		return sum, nil
	}
	check := func(ctx workflow.Context, n int) error {
		if n < 0 {
			return temporal.NewApplicationError("no negative numbers", "Negative")
		}
		return nil
	}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, "add", add, workflow.UpdateHandlerOptions{Validator: check}); err != nil {
		return 0, err
	}
	slow := func(ctx workflow.Context, n int) (int, error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 30 * time.Second})
		var twice int
		if err := workflow.ExecuteActivity(ctx, "twice", n).Get(ctx, &twice); err != nil {
			return 0, err
		}
		sum += twice
		return sum, nil
	}
	if err := workflow.SetUpdateHandler(ctx, "slow", slow); err != nil {
		return 0, err
	}
	ended := workflow.GetSignalChannel(ctx, "end")
	ended.Receive(ctx, nil)
	return sum, nil
}

func registerCounter(r worker.Registry) {
	r.RegisterWorkflow(counter)
	r.RegisterActivity(twice)
}

func twice(_ context.Context, n int) (int, error) { return 2 * n, nil }

func (s *session) update(run client.WorkflowRun, id, name string, stage client.WorkflowUpdateStage, n int) (client.WorkflowUpdateHandle, error) {
	return s.client.UpdateWorkflow(s.ctx, client.UpdateWorkflowOptions{
		UpdateID: id, WorkflowID: run.GetID(), RunID: run.GetRunID(), UpdateName: name,
		Args: []interface{}{n}, WaitForStage: stage,
	})
}

func outcome(s *session, handle client.WorkflowUpdateHandle, err error) int {
	s.Helper()
	require.NoError(s, err)
	var value int
	require.NoError(s, handle.Get(s.ctx, &value))
	return value
}

func (s *session) updated(run client.WorkflowRun, id, name string, n int) int {
	s.Helper()
	handle, err := s.update(run, id, name, client.WorkflowUpdateStageCompleted, n)
	return outcome(s, handle, err)
}

func (s *session) end(run client.WorkflowRun) {
	require.NoError(s, s.client.SignalWorkflow(s.ctx, run.GetID(), "", "end", nil))
}

func TestUpdates(t *testing.T) {
	s := begin(t)
	s.worker(registerCounter)
	run := s.start(counter, 1)
	require.Equal(t, 3, s.updated(run, "", "add", 2))
	require.Equal(t, 13, s.updated(run, "slow", "slow", 5))
	require.Equal(t, 13, s.updated(run, "slow", "slow", 5), "the same id is carried out once")

	handle, err := s.update(run, "accepted", "slow", client.WorkflowUpdateStageAccepted, 1)
	require.NoError(t, err)
	same := s.client.GetWorkflowUpdateHandle(client.GetWorkflowUpdateHandleOptions{
		WorkflowID: run.GetID(), RunID: run.GetRunID(), UpdateID: "accepted",
	})
	require.Equal(t, 15, outcome(s, same, nil))
	require.Equal(t, 15, outcome(s, handle, nil))
	s.end(run)
	require.Equal(t, 15, result[int](s, run))
	require.Equal(t, 3, count(s.history(run.GetID(), run.GetRunID()), enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED))
	require.Equal(t, 13, s.updated(run, "slow", "slow", 5), "of the closed run")
	_, err = s.update(run, "", "add", client.WorkflowUpdateStageCompleted, 1)
	var notFound *serviceerror.NotFound
	require.ErrorAs(t, err, &notFound)
}

func TestUpdateRejected(t *testing.T) {
	s := begin(t)
	s.worker(registerCounter)
	run := s.start(counter, 0)
	require.Equal(t, 1, s.updated(run, "", "add", 1))
	before := len(s.history(run.GetID(), run.GetRunID()))
	for i := 0; i < 3; i++ {
		handle, err := s.update(run, "", "add", client.WorkflowUpdateStageCompleted, -1)
		require.NoError(t, err)
		err = handle.Get(s.ctx, nil)
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		require.Equal(t, "Negative", app.Type())
	}
	require.Len(t, s.history(run.GetID(), run.GetRunID()), before, "rejected updates leave no event")
	require.Equal(t, 2, s.updated(run, "", "add", 1))
	s.end(run)
	require.Equal(t, 2, result[int](s, run))
}

func TestUpdatesOfUncachedWorkflow(t *testing.T) {
	s := begin(t)
	first := s.worker(registerCounter)
	run := s.start(counter, 0)
	require.Equal(t, 1, s.updated(run, "", "add", 1))
	first.Stop()
	done := make(chan int, 1)
	go func() { done <- s.updated(run, "late", "add", 1) }()
	select {
	case <-done:
		require.Fail(t, "nobody is there to carry it out")
	case <-time.After(300 * time.Millisecond):
	}
	s.worker(registerCounter)
	require.Equal(t, 2, <-done)
	s.end(run)
	require.Equal(t, 2, result[int](s, run))
}

func (s *session) updateWithStart(id string, conflict enumspb.WorkflowIdConflictPolicy, sum, n int) (client.WithStartWorkflowOperation, client.WorkflowUpdateHandle, error) {
	start := s.client.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
		ID: id, TaskQueue: s.queue, WorkflowIDConflictPolicy: conflict,
	}, counter, sum)
	handle, err := s.client.UpdateWithStartWorkflow(s.ctx, client.UpdateWithStartWorkflowOptions{
		StartWorkflowOperation: start,
		UpdateOptions: client.UpdateWorkflowOptions{
			UpdateName: "add", Args: []interface{}{n}, WaitForStage: client.WorkflowUpdateStageCompleted,
		},
	})
	return start, handle, err
}

func TestUpdateWithStart(t *testing.T) {
	s := begin(t)
	s.worker(registerCounter)
	id := unique("wf")
	start, handle, err := s.updateWithStart(id, enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL, 10, 1)
	require.Equal(t, 11, outcome(s, handle, err))
	run, err := start.Get(s.ctx)
	require.NoError(t, err)
	require.Equal(t, id, run.GetID())

	_, _, err = s.updateWithStart(id, enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL, 10, 1)
	var already *serviceerror.WorkflowExecutionAlreadyStarted
	var multi *serviceerror.MultiOperationExecution
	require.True(t, errors.As(err, &already) || errors.As(err, &multi), "%T: %v", err, err)

	_, handle, err = s.updateWithStart(id, enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING, 10, 2)
	require.Equal(t, 13, outcome(s, handle, err))
	_, handle, err = s.updateWithStart(id, enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING, 100, 3)
	require.Equal(t, 103, outcome(s, handle, err))
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, s.status(id, run.GetRunID()))
}
